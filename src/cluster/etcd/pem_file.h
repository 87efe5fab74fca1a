// PEM files as texts.
#pragma once

#include <string>

#include "base/result.h"
#include "cluster/etcd/server.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster::etcd {

// The error is a sentence that names the file.
[[nodiscard]] Result<std::string, std::string> read_text_file(const std::string& path);
[[nodiscard]] Result<TlsTexts, std::string> read_tls_files(const EtcdTlsFiles& files);

}  // namespace vmq::cluster::etcd
