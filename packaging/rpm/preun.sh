if [ "$1" -eq 0 ]; then
    if [ -d /run/systemd/system ]; then
        systemctl --no-reload disable --now vernemq.service >/dev/null 2>&1 || :
    else
        vernemq stop >/dev/null 2>&1 || :
    fi
fi
exit 0
