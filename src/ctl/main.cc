// The program `vmq-admin`: a command line for the node's admin socket. Help and mistakes in the
// line are answered without a node.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "admin/completion.h"
#include "admin/invocation.h"
#include "admin/writers.h"
#include "config/load_files.h"
#include "ctl/connection.h"
#include "ctl/options.h"
#include "ctl/place.h"

namespace vmq::ctl {
namespace {

void print(std::FILE* file, std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fflush(file);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// no-color.org: set and not empty.
bool wants_plain_headers() { return !environment("NO_COLOR").empty(); }

int show(const admin::Answer& answer, admin::Format format) {
  const admin::Written written = admin::write(
      answer, format, wants_plain_headers() ? admin::Header::Plain : admin::Header::Bold);
  print(stdout, written.out);
  print(stderr, written.err);
  return admin::exit_code(answer.outcome);
}

int fail(const std::string& text) {
  print(stderr, text + "\n");
  return 1;
}

std::string explain(const Trouble& trouble, const Place& place) {
  switch (trouble.kind) {
    case Trouble::Kind::NotRunning:
      return "Node '" + place.node_name + "' not responding to pings.\n(" + place.socket_path +
             ": " + trouble.reason + ")";
    case Trouble::Kind::NotAllowed:
      return "You may not use the admin socket " + place.socket_path + ": " + trouble.reason +
             ".\nRun vmq-admin as root (sudo vmq-admin …) or as the user of the node, or become a "
             "member of the group that the socket belongs to.";
    case Trouble::Kind::TooSlow:
      return "Node '" + place.node_name +
             "' did not answer in time. It may carry the command out still; -rpctimeout SECONDS "
             "waits longer." +
             (trouble.reason.empty() ? "" : "\n(" + trouble.reason + ")");
    case Trouble::Kind::Broken:
      break;
  }
  return "The answer of node '" + place.node_name + "' broke off: " + trouble.reason +
         ". Its log may say why.";
}

int ask(const Options& options, bool streams) {
  Place place{"unknown", environment("VERNEMQ_ADMIN_SOCKET")};
  if (place.socket_path.empty()) {
    const auto found = place_of(options.config_file, config::real_files());
    if (!found) return fail(found.error());
    place = *found;
  }
  if (place.socket_path == "off") {
    return fail("node.admin_socket is off in " + options.config_file +
                ": this node takes no commands of vmq-admin.");
  }
  const admin::Request request{options.line, wants_plain_headers()};
  if (!admin::is_small_enough(request)) {
    return fail("The command is longer than " + std::to_string(admin::request_bytes_max) +
                " bytes or " + std::to_string(admin::request_words_max) + " words.");
  }
  const auto code = ask_node(place.socket_path, request, streams ? std::nullopt : options.patience,
                             {[](std::string_view bytes) { print(stdout, bytes); },
                              [](std::string_view bytes) { print(stderr, bytes); }});
  return code ? *code : fail(explain(code.error(), place));
}

int run(const std::vector<std::string>& arguments) {
  const Result<Options, std::string> options = take_options(arguments);
  if (!options) return fail(options.error());
  const auto invocation = admin::parse(options->line);
  if (!invocation) {
    return show(admin::to_answer(invocation.error()), invocation.error().format);
  }
  if (invocation->command->words == "completion bash") {
    return show(admin::Answer::text(admin::bash_completion()), admin::Format::Human);
  }
  return ask(*options, invocation->command->streams);
}

}  // namespace
}  // namespace vmq::ctl

int main(int argc, char** argv) {
  return vmq::ctl::run(std::vector<std::string>(argv + 1, argv + (argc > 0 ? argc : 1)));
}
