// Certificates for tests, made with the openssl command in a folder of the test's own.
#pragma once

#include <string>

namespace vmq::net {

class TestPki {
 public:
  TestPki();
  ~TestPki();
  TestPki(const TestPki&) = delete;
  TestPki& operator=(const TestPki&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  // An authority: NAME.pem and NAME.key.
  void make_authority(const std::string& name);
  // A certificate of CN=NAME signed by `authority`: NAME.pem and NAME.key.
  void make_certificate(const std::string& name, const std::string& authority,
                        const std::string& more = "");
  // NAME.crl of `authority`, revoking what revoke() was called for.
  void revoke(const std::string& name, const std::string& authority);
  void make_crl(const std::string& name, const std::string& authority);
  // Any openssl subcommand, run in the folder; fails the test when it fails.
  void openssl(const std::string& arguments) const;
  void write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;

 private:
  std::string folder_;
};

}  // namespace vmq::net
