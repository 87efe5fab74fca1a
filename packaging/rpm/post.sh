if [ -d /run/systemd/system ]; then
    systemctl daemon-reload >/dev/null 2>&1 || :
fi
# The first start is the operator's, after a look at the configuration: the node name is kept for
# good.
if [ "$1" -eq 1 ] && [ -x /usr/bin/systemctl ]; then
    systemctl preset vernemq.service >/dev/null 2>&1 || :
fi
exit 0
