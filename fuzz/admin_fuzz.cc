// A command line and a request of the admin socket, from any bytes: what is understood fits its row
// of the table, what is not has a complaint, and every form of it is printable.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/invocation.h"
#include "admin/wire.h"
#include "admin/writers.h"
#include "base/expect.h"

namespace {

using namespace vmq::admin;

void check_understood(const Invocation& invocation) {
  VMQ_EXPECT(invocation.command != nullptr);
  for (const Given& given : invocation.given) {
    if (given.arg == nullptr) {
      VMQ_EXPECT(invocation.command->takes_any_key);
      continue;
    }
    VMQ_EXPECT(find_arg(*invocation.command, given.name) == given.arg);
    VMQ_EXPECT(given.value || given.arg->value != Value::Required);
  }
  for (const Arg& arg : invocation.command->args) {
    VMQ_EXPECT(!arg.is_required || invocation.has(arg.name));
  }
}

void check_printable(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    VMQ_EXPECT(byte >= 0x20 || c == '\n' || c == '\t');
  }
}

void parse_line(const std::vector<std::string>& line) {
  const auto invocation = parse(line);
  if (invocation) return check_understood(*invocation);
  VMQ_EXPECT(!invocation.error().text.empty());
  const Answer answer = to_answer(invocation.error());
  const Written human = write(answer, Format::Human, Header::Plain);
  check_printable(human.out);
  check_printable(human.err);
  check_printable(to_json(answer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> line;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    line.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  parse_line(line);

  FrameReader reader(request_bytes_max);
  reader.feed(text.substr(0, size / 2));
  reader.feed(text.substr(size / 2));
  while (const auto frame = reader.next()) {
    if (const auto request = decode_request(frame->body)) {
      if (is_small_enough(*request)) {
        FrameReader again(request_bytes_max);
        again.feed(encode(*request));
        const auto same = decode_request(again.next()->body);
        VMQ_EXPECT(same && same->line == request->line);
      }
      parse_line(request->line);
    }
  }
  return 0;
}
