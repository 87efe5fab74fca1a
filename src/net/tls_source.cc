#include "net/tls_source.h"

#include <sys/stat.h>

#include <utility>

namespace vmq::net {
namespace {

// What changes when a file does.
std::string state_of(const std::string& file) {
  struct stat status {};
  if (file.empty() || ::stat(file.c_str(), &status) != 0) return "-;";
  return std::to_string(status.st_ino) + "," + std::to_string(status.st_size) + "," +
         std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) + ";";
}

}  // namespace

Result<std::shared_ptr<TlsSource>, std::string> TlsSource::make(config::TlsConfig config,
                                                                Duration crl_interval,
                                                                std::int64_t now_s, TlsRole role) {
  std::shared_ptr<TlsSource> source(new TlsSource(std::move(config), crl_interval, role));
  source->files_ = source->state_of_files();
  source->crl_ = state_of(source->config_.crlfile);
  VMQ_TRY(context, TlsContext::make(source->config_, now_s, nullptr, role));
  source->current_ = std::move(context);
  return source;
}

std::shared_ptr<const TlsContext> TlsSource::current() const {
  const WriterGuard guard(lock_);
  return current_;
}

std::string TlsSource::state_of_files() const {
  std::string state =
      state_of(config_.certfile) + state_of(config_.keyfile) + state_of(config_.cafile);
  if (config_.psk_support) state += state_of(config_.pskfile);
  return state;
}

TlsSource::Refreshed TlsSource::refresh(When when, Instant now, std::int64_t now_s) {
  bool is_new = when == When::Always;
  if (is_new || now >= look_at_) {
    look_at_ = now + look_interval;
    std::string files = state_of_files();
    is_new = is_new || files != files_;
    files_ = std::move(files);
  }
  const bool is_crl_due = crl_interval_.ms > 0 && now >= crl_at_;
  if (when == When::Always || is_crl_due) {
    crl_at_ = now + crl_interval_;
    std::string crl = state_of(config_.crlfile);
    is_new = is_new || crl != crl_;
    crl_ = std::move(crl);
  }
  if (!is_new) return {};
  auto context = TlsContext::make(config_, now_s, current_.get(), role_);
  if (!context) return {Outcome::Failed, context.error()};
  const WriterGuard guard(lock_);
  current_ = std::move(*context);
  return {Outcome::Loaded, {}};
}

}  // namespace vmq::net
