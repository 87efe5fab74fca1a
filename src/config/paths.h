// Where the defaults of paths point to: into the working directory, or, for a program that is
// installed from a package, to the places of the Linux packages.
#pragma once

#ifdef VMQ_PACKAGED
#define VMQ_ETC_DIR "/etc/vernemq"
#define VMQ_DATA_DIR "/var/lib/vernemq"
#define VMQ_LOG_DIR "/var/log/vernemq"
#define VMQ_SHARE_DIR "/usr/share/vernemq"
#else
#define VMQ_ETC_DIR "./etc"
#define VMQ_DATA_DIR "./data"
#define VMQ_LOG_DIR "./log"
#define VMQ_SHARE_DIR "./share"
#endif
