// vmq-admin tls …: the certificates of all listeners, of MQTT and others alike.
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "control/control.h"
#include "net/certificates.h"
#include "net/tls_source.h"
#include "node/listeners.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;

constexpr std::uint64_t validity_wanted_s = 172'800;

// PEM files with certificates that listeners name, each once.
std::vector<std::string> certificate_files(Context& context) {
  std::map<std::string, bool> files;
  for (const node::ListenerView& view : context.node.listeners().views()) {
    const config::TlsConfig& tls = view.config.tls;
    if (!tls.certfile.empty()) files[tls.certfile] = true;
    if (!tls.cafile.empty()) files[tls.cafile] = true;
  }
  std::vector<std::string> names;
  for (const auto& [name, is_named] : files) names.push_back(name);
  return names;
}

// Calls `take` with the name and each certificate of every file; says which files cannot be read.
template <typename Take>
std::string for_each_certificate(Context& context, const Take& take) {
  std::string broken;
  for (const std::string& file : certificate_files(context)) {
    const auto certificates = net::read_certificates(file);
    if (!certificates) {
      broken.append(broken.empty() ? "" : "\n").append(certificates.error());
      continue;
    }
    for (const net::CertificateInfo& info : *certificates) take(file, info);
  }
  return broken;
}

Answer answer_of(admin::Table table, const std::string& broken) {
  Answer answer = Answer::of(std::move(table));
  if (!broken.empty()) answer.parts.push_back(admin::Text{broken});
  return answer;
}

Answer show(Context& context, const Invocation&) {
  admin::Table table{{"File", "Not_Before", "Not_After", "CN", "Issuer", "SAN"}, {}};
  const std::string broken = for_each_certificate(
      context, [&table](const std::string& file, const net::CertificateInfo& info) {
        table.rows.push_back({file, net::time_text(info.not_before_s),
                              net::time_text(info.not_after_s), info.common_name, info.issuer,
                              info.alternative_names});
      });
  return answer_of(std::move(table), broken);
}

Answer check(Context& context, const Invocation& invocation) {
  const auto now_s = static_cast<std::int64_t>(std::time(nullptr));
  const auto wanted_s = static_cast<std::int64_t>(invocation.number("validity", validity_wanted_s));
  admin::Table table{{"File", "Not_Before", "Not_After", "SecExp", "SecToVal"}, {}};
  const std::string broken =
      for_each_certificate(context, [&](const std::string& file, const net::CertificateInfo& info) {
        const std::int64_t left_s = info.not_after_s - now_s;
        const std::int64_t until_valid_s = info.not_before_s - now_s;
        if (left_s >= wanted_s && until_valid_s <= 0) return;
        table.rows.push_back({file, net::time_text(info.not_before_s),
                              net::time_text(info.not_after_s), left_s, until_valid_s});
      });
  if (table.rows.empty() && broken.empty()) return Answer::text("All fine");
  return answer_of(std::move(table), broken);
}

Answer reload(Context& context, const Invocation&) {
  const std::size_t failed = context.node.refresh_tls(net::TlsSource::When::Always);
  if (failed == 0) return Answer::done();
  return Answer::failed(std::to_string(failed) +
                        " listener(s) keep what they had: the new files are bad. The log says why "
                        "(tls_not_loaded).");
}

}  // namespace

void bind_tls_commands(Handlers& handlers) {
  handlers["tls show"] = show;
  handlers["tls check"] = check;
  handlers["tls clear-pem-cache"] = reload;
}

}  // namespace vmq::control
