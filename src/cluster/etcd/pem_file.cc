#include "cluster/etcd/pem_file.h"

#include <errno.h>
#include <string.h>

#include <fstream>
#include <iterator>

namespace vmq::cluster::etcd {

Result<std::string, std::string> read_text_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure("cannot read " + path + ": " + strerror(errno));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<TlsTexts, std::string> read_tls_files(const EtcdTlsFiles& files) {
  TlsTexts texts;
  if (files.authority.empty()) return texts;
  VMQ_TRY(authority, read_text_file(files.authority));
  texts.authority = std::move(authority);
  if (files.certificate.empty()) return texts;
  VMQ_TRY(certificate, read_text_file(files.certificate));
  VMQ_TRY(key, read_text_file(files.key));
  texts.certificate = std::move(certificate);
  texts.key = std::move(key);
  return texts;
}

}  // namespace vmq::cluster::etcd
