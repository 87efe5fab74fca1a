// The TLS context of a listener while its files change: whoever begins a connection takes the
// current one, and refresh() puts another in its place when a file is new and good. A bad file
// changes nothing.
//
// Thread: current() from any, refresh() from one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/lock.h"
#include "base/result.h"
#include "base/time.h"
#include "config/config.h"
#include "net/tls_context.h"

namespace vmq::net {

class TlsSource {
 public:
  // How often changed files are looked for; revocation lists have an interval of their own (0: only
  // when all are looked at).
  static constexpr Duration look_interval = seconds(10);

  [[nodiscard]] static Result<std::shared_ptr<TlsSource>, std::string> make(
      config::TlsConfig config, Duration crl_interval, std::int64_t now_s,
      TlsRole role = TlsRole::Server);

  std::shared_ptr<const TlsContext> current() const;
  const config::TlsConfig& config() const { return config_; }

  enum class When {
    Due,     // look if the interval is over, load what is new
    Always,  // load everything, new or not
  };
  enum class Outcome { Unchanged, Loaded, Failed };
  struct Refreshed {
    Outcome outcome = Outcome::Unchanged;
    std::string error;  // of Failed; told once for each state of the files
  };
  Refreshed refresh(When when, Instant now, std::int64_t now_s);

 private:
  TlsSource(config::TlsConfig config, Duration crl_interval, TlsRole role)
      : config_(std::move(config)), crl_interval_(crl_interval), role_(role) {}
  std::string state_of_files() const;

  const config::TlsConfig config_;
  const Duration crl_interval_;
  const TlsRole role_;
  Instant look_at_{0};
  Instant crl_at_{0};
  std::string files_;  // as they were when last loaded, or tried
  std::string crl_;
  mutable WriterLock lock_;  // held while a pointer is copied
  std::shared_ptr<const TlsContext> current_;
};

}  // namespace vmq::net
