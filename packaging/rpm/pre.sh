getent group vernemq >/dev/null || groupadd -r vernemq
getent passwd vernemq >/dev/null ||
    useradd -r -g vernemq -d /var/lib/vernemq -s /sbin/nologin -c "VerneMQ MQTT broker" vernemq
exit 0
