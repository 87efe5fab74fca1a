#include "cluster/etcd/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

std::string write_secret_file(const std::string& path, const std::string& text) {
  const auto fail = [&](int file) {
    const std::string error = "cannot write " + path + ": " + strerror(errno);
    if (file >= 0) close(file);
    return error;
  };
  const std::string beside = path + ".new";
  const int file = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return fail(file);
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = write(file, text.data() + at, text.size() - at);
    if (count < 0) return fail(file);
    at += static_cast<std::size_t>(count);
  }
  if (fsync(file) != 0 || rename(beside.c_str(), path.c_str()) != 0) return fail(file);
  close(file);
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const int directory = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (directory < 0 || fsync(directory) != 0) return fail(directory);
  close(directory);
  return {};
}

}  // namespace vmq::cluster::etcd
