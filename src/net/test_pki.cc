#include "net/test_pki.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace vmq::net {

TestPki::TestPki() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vmq-pki-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  write("index.txt", "");
  write("ca.conf",
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\n"
        "default_crl_days=30\ncrlnumber=crlnumber\n");
  write("crlnumber", "01\n");
}

TestPki::~TestPki() { std::filesystem::remove_all(folder_); }

void TestPki::openssl(const std::string& arguments) const {
  const std::string command =
      "cd " + folder_ + " && openssl " + arguments + " >log.txt 2>&1 </dev/null";
  const int status = std::system(command.c_str());
  ASSERT_EQ(status, 0) << arguments << "\n" << read("log.txt");
}

void TestPki::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
}

std::string TestPki::read(const std::string& name) const {
  std::ifstream file(path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void TestPki::make_authority(const std::string& name) {
  openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=" +
          name + " -keyout " + name + ".key -out " + name + ".pem");
}

void TestPki::make_certificate(const std::string& name, const std::string& authority,
                               const std::string& more) {
  openssl("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /O=Test/CN=" + name +
          " -keyout " + name + ".key -out " + name + ".csr");
  openssl("x509 -req -days 20 -in " + name + ".csr -CA " + authority + ".pem -CAkey " + authority +
          ".key -CAcreateserial -out " + name + ".pem " + more);
}

void TestPki::revoke(const std::string& name, const std::string& authority) {
  openssl("ca -config ca.conf -cert " + authority + ".pem -keyfile " + authority + ".key -revoke " +
          name + ".pem");
}

void TestPki::make_crl(const std::string& name, const std::string& authority) {
  openssl("ca -config ca.conf -cert " + authority + ".pem -keyfile " + authority +
          ".key -gencrl -out " + name + ".crl");
}

}  // namespace vmq::net
