#include "control/member_traces.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "cluster/member_record.h"
#include "control/everywhere.h"

namespace vmq::control {
namespace {

using admin::Answer;
using Clock = std::chrono::steady_clock;

constexpr const char* begin_question = "trace/begin";
constexpr const char* more_question = "trace/more";
constexpr const char* end_question = "trace/end";
constexpr Duration begin_patience = seconds(5);
constexpr Duration more_patience = seconds(2);
// A trace that nobody has asked about for so long has lost who shows it.
constexpr std::chrono::seconds forgotten_after{30};

// Traces of this node that other members show, and when they last asked.
struct Served {
  std::mutex mutex;
  std::map<std::uint64_t, Clock::time_point> asked;
};

std::optional<std::uint64_t> number_of(std::string_view text) {
  return cluster::parse_number(text, ~std::uint64_t{0});
}

void end_forgotten(node::Node& node, Served& served) {
  std::vector<std::uint64_t> forgotten;
  {
    const std::lock_guard<std::mutex> lock(served.mutex);
    for (const auto& [id, at] : served.asked) {
      if (Clock::now() - at > forgotten_after) forgotten.push_back(id);
    }
    for (const std::uint64_t id : forgotten) served.asked.erase(id);
  }
  for (const std::uint64_t id : forgotten) end_trace(node, id);
}

Result<std::string, std::string> begin_for(node::Node& node, Served& served,
                                           const std::string& question) {
  end_forgotten(node, served);
  const auto line = decode_line(question);
  if (!line) return failure<std::string>("the question is not understood");
  const auto invocation = admin::parse(*line);
  if (!invocation) return failure(invocation.error().text);
  if (invocation->command->words != "trace client") {
    return failure<std::string>("that is no trace");
  }
  const auto id = begin_trace(node, *invocation);
  if (!id) return failure(std::get<admin::Text>(id.error().parts.at(0)).text);
  const std::lock_guard<std::mutex> lock(served.mutex);
  served.asked[*id] = Clock::now();
  return std::to_string(*id);
}

Result<std::string, std::string> more_for(node::Node& node, Served& served,
                                          const std::string& question) {
  const auto id = number_of(question);
  {
    const std::lock_guard<std::mutex> lock(served.mutex);
    const auto found = id ? served.asked.find(*id) : served.asked.end();
    if (found == served.asked.end()) return failure<std::string>("there is no such trace");
    found->second = Clock::now();
  }
  node::TraceHub::Taken taken = node.traces().take(*id, std::chrono::milliseconds(0));
  Answer answer;
  answer.outcome = taken.is_over ? admin::Outcome::Failed : admin::Outcome::Done;
  for (std::string& text : taken.lines) answer.parts.emplace_back(admin::Text{std::move(text)});
  return encode_answer(answer);
}

Result<std::string, std::string> end_for(node::Node& node, Served& served,
                                         const std::string& question) {
  const auto id = number_of(question);
  {
    const std::lock_guard<std::mutex> lock(served.mutex);
    if (!id || served.asked.erase(*id) == 0) return std::string();
  }
  end_trace(node, *id);
  return std::string();
}

}  // namespace

void serve_member_traces(node::Node& node) {
  const auto served = std::make_shared<Served>();
  const auto serve = [&node, served](const char* name, auto answer) {
    node.questions().set_handler(
        name,
        [&node, served,
         answer](const node::AskedQuestion& asked) -> Result<std::string, std::string> {
          if (!asked.is_member) return failure(asked.peer.name + " is no member of this cluster");
          return answer(node, *served, asked.question.json);
        });
  };
  serve(begin_question, begin_for);
  serve(more_question, more_for);
  serve(end_question, end_for);
}

MemberTraces::MemberTraces(node::Node& node, const admin::Invocation& invocation) : node_(node) {
  const std::string line = encode_line(line_of(invocation));
  const node::MembersSnapshot members = node.members();
  for (const cluster::Member& member : members->all) {
    if (member.number == members->self || !member.is_up) continue;
    auto id =
        node.ask_member({member.address, member.name}, {begin_question, line, begin_patience});
    if (id) {
      parts_.push_back({member, *std::move(id)});
    } else {
      troubles_.push_back(member.name + " does not trace: " + id.error().text);
    }
  }
}

MemberTraces::~MemberTraces() {
  for (const Part& part : parts_) {
    static_cast<void>(node_.ask_member({part.member.address, part.member.name},
                                       {end_question, part.id, more_patience}));
  }
}

MemberTraces::Taken MemberTraces::take() {
  Taken taken;
  taken.lines = std::exchange(troubles_, {});
  for (std::size_t i = parts_.size(); i > 0; --i) {
    const Part& part = parts_[i - 1];
    const std::string& name = part.member.name;
    const auto said =
        node_.ask_member({part.member.address, name}, {more_question, part.id, more_patience});
    const auto answer = said ? decode_answer(*said) : std::nullopt;
    if (!answer) {
      taken.lines.push_back(name + " is not heard of any more: " +
                            (said ? "its answer is not understood" : said.error().text));
      parts_.erase(parts_.begin() + static_cast<std::ptrdiff_t>(i - 1));
      continue;
    }
    taken.is_over = taken.is_over || answer->outcome != admin::Outcome::Done;
    for (const admin::Part& line : answer->parts) {
      const admin::Text* text = std::get_if<admin::Text>(&line);
      if (text != nullptr) taken.lines.push_back(name + ": " + text->text);
    }
  }
  return taken;
}

std::vector<std::string> without_needless(std::vector<std::string> lines) {
  const auto is_absent = [](const std::string& line) {
    return line.find("No sessions found for client ") != std::string::npos;
  };
  const bool is_somewhere = std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("Starting trace for ") != std::string::npos;
  });
  std::vector<std::string> kept;
  bool is_told = is_somewhere;
  for (std::string& line : lines) {
    const bool absent = is_absent(line);
    if (absent && std::exchange(is_told, true)) continue;
    kept.push_back(std::move(line));
  }
  return kept;
}

}  // namespace vmq::control
