// The few small files of this room: certificates, keys, what the ensemble knows.
#pragma once

#include <string>

#include "base/result.h"
#include "cluster/etcd/server.h"
#include "cluster/etcd/wire.h"

namespace vmq::cluster::etcd {

// Errors are sentences that name the file.
[[nodiscard]] Result<std::string, std::string> read_text_file(const std::string& path);
[[nodiscard]] Result<TlsTexts, std::string> read_tls_files(const EtcdTlsFiles& files);

// For the owner's eyes only; all of it is on disk, or the old content still is. Empty: done.
[[nodiscard]] std::string write_secret_file(const std::string& path, const std::string& text);

}  // namespace vmq::cluster::etcd
