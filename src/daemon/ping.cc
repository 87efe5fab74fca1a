#include "daemon/ping.h"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "config/load_files.h"
#include "ctl/connection.h"
#include "ctl/place.h"
#include "daemon/pid_file.h"
#include "daemon/places.h"

namespace vmq::daemon {

namespace {

constexpr const char* kNoAnswer = "Node is not responding to pings.";

int complain(const std::string& text) {
  std::fputs((text + "\n").c_str(), stderr);
  return 1;
}

int pong() {
  std::puts("pong");
  return 0;
}

std::string reason_of(const ctl::Trouble& trouble) {
  switch (trouble.kind) {
    case ctl::Trouble::Kind::NotRunning:
      return "does not take questions yet or no longer (" + trouble.reason +
             "): it starts or stops, and its log says how far it is";
    case ctl::Trouble::Kind::NotAllowed:
      return "cannot be asked (" + trouble.reason +
             "): run vernemq ping as root or as the user of the node";
    case ctl::Trouble::Kind::TooSlow:
      return "did not answer within " + std::to_string(kPingPatience.count() / 1000) +
             " s: it is stopped, hangs or is overloaded";
    case ctl::Trouble::Kind::Broken:
      break;
  }
  return "hung up (" + trouble.reason + "): its log may say why";
}

std::optional<std::string> socket_of(const std::string& config_file) {
  const char* named = std::getenv("VERNEMQ_ADMIN_SOCKET");
  if (named != nullptr && *named != '\0') return named;
  const auto place = ctl::place_of(config_file, config::real_files());
  if (place) return place->socket_path;
  complain(place.error());
  return std::nullopt;
}

}  // namespace

int ping_running(const std::string& config_file) {
  const auto path = pid_file_of(config_file);
  if (!path) {
    std::fputs(path.error().c_str(), stderr);
    return 1;
  }
  const std::optional<pid_t> pid = running_pid(*path);
  if (!pid) return complain(kNoAnswer);
  const std::optional<std::string> socket = socket_of(config_file);
  if (!socket) return 1;
  // Without a socket nothing but the lock of the process can be asked.
  if (*socket == "off") return pong();
  // Answered by the node's control thread out of every shard's counters.
  const auto code =
      ctl::ask_node(*socket, {{"node", "status"}, true}, kPingPatience, {[](auto) {}, [](auto) {}});
  if (code && *code == 0) return pong();
  const std::string reason =
      code ? std::string("answers that it is too busy") : reason_of(code.error());
  return complain(std::string(kNoAnswer) + "\nProcess " + std::to_string(*pid) + " runs, but " +
                  *socket + " " + reason + ".");
}

}  // namespace vmq::daemon
