if [ -d /run/systemd/system ]; then
    systemctl daemon-reload >/dev/null 2>&1 || :
    # After an upgrade the new program takes over.
    if [ "$1" -ge 1 ]; then
        systemctl try-restart vernemq.service >/dev/null 2>&1 || :
    fi
fi
exit 0
