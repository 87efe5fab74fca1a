#include "control/everywhere.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <future>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "control/member_traces.h"
#include "control/query.h"
#include "core/byte_io.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;
using admin::Outcome;
using admin::Table;
using core::ByteReader;
using core::ByteWriter;

constexpr const char* command_question = "command";
// Longer than a member waits for its own shards.
constexpr Duration member_patience = seconds(15);

constexpr std::array shows = {"session show", "queue show"};
constexpr std::array changes = {"session disconnect",       "session disconnect clients",
                                "session disconnect batch", "session unsubscribe",
                                "session reauthorize",      "trace stop_all"};

enum class CellKind : std::uint8_t { Null, No, Yes, Integer, Real, Text };
constexpr std::uint8_t table_part = 1;
constexpr std::uint8_t text_part = 2;

// --- the bytes ---

void write_text(std::string_view text, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  out.u32(static_cast<std::uint32_t>(text.size()));
  out.bytes(as_bytes(text));
}

void write_cell(const Cell& cell, std::vector<std::uint8_t>& to) {
  ByteWriter out(to);
  const auto kind = [&](CellKind which) { out.u8(static_cast<std::uint8_t>(which)); };
  if (std::holds_alternative<std::monostate>(cell)) {
    kind(CellKind::Null);
  } else if (const bool* flag = std::get_if<bool>(&cell)) {
    kind(*flag ? CellKind::Yes : CellKind::No);
  } else if (const std::int64_t* integer = std::get_if<std::int64_t>(&cell)) {
    kind(CellKind::Integer);
    out.u64(static_cast<std::uint64_t>(*integer));
  } else if (const double* real = std::get_if<double>(&cell)) {
    kind(CellKind::Real);
    write_text(std::to_string(*real), to);
  } else {
    kind(CellKind::Text);
    write_text(std::get<std::string>(cell), to);
  }
}

// Reads what may be cut off or no answer at all; `ok` says so at the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : in_(as_bytes(bytes)) {}

  bool ok() const { return in_.ok() && is_sound_; }
  bool is_at_end() { return in_.rest().empty(); }
  std::uint8_t u8() { return in_.u8(); }
  // How many things follow that have at least a byte each.
  std::size_t count() {
    const std::uint32_t count = in_.u32();
    if (count <= in_.rest().size()) return count;
    is_sound_ = false;
    return 0;
  }
  std::string text() {
    const std::size_t size = count();
    return std::string(as_text(in_.bytes(size)));
  }
  Cell cell() {
    switch (static_cast<CellKind>(in_.u8())) {
      case CellKind::Null:
        return {};
      case CellKind::No:
        return false;
      case CellKind::Yes:
        return true;
      case CellKind::Integer:
        return static_cast<std::int64_t>(in_.u64());
      case CellKind::Real:
        return std::strtod(text().c_str(), nullptr);
      case CellKind::Text:
        return text();
    }
    is_sound_ = false;
    return {};
  }

 private:
  ByteReader in_;
  bool is_sound_ = true;
};

// --- asking ---

struct MemberAnswer {
  std::string name;
  Answer answer;
};

// What the other members that are up say, in their order; or that one alone.
std::vector<MemberAnswer> ask_others(node::Node& node, const std::vector<std::string>& line,
                                     std::string_view only = {}) {
  const node::MembersSnapshot members = node.members();
  const std::string question = encode_line(line);
  std::vector<std::string> names;
  std::vector<std::future<Answer>> answers;
  for (const cluster::Member& member : members->all) {
    if (member.number == members->self || !member.is_up) continue;
    if (!only.empty() && member.name != only) continue;
    names.push_back(member.name);
    answers.push_back(std::async(std::launch::async, [&node, &question, member] {
      const auto said = node.ask_member({member.address, member.name},
                                        {command_question, question, member_patience});
      if (!said) return Answer::late(said.error().text);
      std::optional<Answer> answer = decode_answer(*said);
      return answer ? std::move(*answer) : Answer::failed("its answer is not understood");
    }));
  }
  std::vector<MemberAnswer> all;
  for (std::size_t i = 0; i < names.size(); ++i) all.push_back({names[i], answers[i].get()});
  return all;
}

std::string text_in(const Answer& answer) {
  for (const admin::Part& part : answer.parts) {
    if (const admin::Text* text = std::get_if<admin::Text>(&part)) return text->text;
  }
  return {};
}

void add_trouble(Answer& answer, const MemberAnswer& other) {
  answer.parts.emplace_back(
      admin::Text{other.name + " has not answered: " + text_in(other.answer)});
}

// As Query::Rows sorts: numbers from the largest down, everything else from A to Z.
bool comes_before(const Cell& a, const Cell& b) {
  if (a.index() != b.index()) return a.index() > b.index();
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&a)) {
    return *integer > std::get<std::int64_t>(b);
  }
  if (const double* real = std::get_if<double>(&a)) return *real > std::get<double>(b);
  return a < b;
}

Table* table_in(Answer& answer) {
  for (admin::Part& part : answer.parts) {
    if (Table* table = std::get_if<Table>(&part)) return table;
  }
  return nullptr;
}

// Puts the rows of `more` behind those of `all`. False: they have other columns.
bool append(Table& all, Table* more) {
  if (more == nullptr || more->columns != all.columns) return false;
  all.rows.insert(all.rows.end(), std::make_move_iterator(more->rows.begin()),
                  std::make_move_iterator(more->rows.end()));
  return true;
}

// One table of all members' rows, under the order and the limit that were asked for.
Answer show_all(Context& context, const Handler& here, const Invocation& invocation) {
  Answer answer = here(context, invocation);
  if (answer.outcome != Outcome::Done || table_in(answer) == nullptr) return answer;
  const std::string order(invocation.value("order_by").value_or(""));
  const std::vector<std::string> columns = table_in(answer)->columns;
  std::vector<std::string> line = line_of(invocation);
  // What all rows are sorted by has to come with them.
  const bool is_hidden =
      !order.empty() && std::find(columns.begin(), columns.end(), order) == columns.end();
  if (is_hidden) {
    for (const std::string& column : columns) line.push_back("--" + column);
    line.push_back("--" + order);
    const auto wider = admin::parse(line);
    if (!wider) return Answer::bad_usage(wider.error().text);
    answer = here(context, *wider);
    if (answer.outcome != Outcome::Done || table_in(answer) == nullptr) return answer;
  }
  for (MemberAnswer& other : ask_others(context.node, line)) {
    const bool is_done = other.answer.outcome == Outcome::Done;
    if (!is_done || !append(*table_in(answer), table_in(other.answer))) add_trouble(answer, other);
  }
  Table& all = *table_in(answer);
  const auto by = std::find(all.columns.begin(), all.columns.end(), order);
  const auto at = static_cast<std::size_t>(by - all.columns.begin());
  if (by != all.columns.end()) {
    std::stable_sort(all.rows.begin(), all.rows.end(),
                     [at](const auto& a, const auto& b) { return comes_before(a[at], b[at]); });
  }
  const std::uint64_t limit = invocation.number("limit", Query::limit_default);
  if (all.rows.size() > limit) all.rows.resize(limit);
  if (is_hidden && by != all.columns.end()) {
    for (std::vector<Cell>& row : all.rows)
      row.erase(row.begin() + static_cast<std::ptrdiff_t>(at));
    all.columns.erase(by);
  }
  return answer;
}

// The client is on one of the members: it is done if one has done it.
Answer change_all(Context& context, const Handler& here, const Invocation& invocation) {
  Answer answer = here(context, invocation);
  std::vector<MemberAnswer> others = ask_others(context.node, line_of(invocation));
  const std::string done = text_in(Answer::done());
  for (MemberAnswer& other : others) {
    if (answer.outcome == Outcome::Done && text_in(answer) == done) break;
    if (other.answer.outcome == Outcome::Done && text_in(other.answer) == done) {
      answer = other.answer;
    }
  }
  for (const MemberAnswer& other : others) {
    if (other.answer.outcome != Outcome::Late && other.answer.outcome != Outcome::Busy) continue;
    answer.outcome = Outcome::Late;
    add_trouble(answer, other);
  }
  return answer;
}

// "NAME = VALUE"; nothing for another line.
std::optional<std::pair<std::string, std::uint64_t>> value_in(std::string_view line) {
  const std::size_t at = line.find(" = ");
  if (at == std::string_view::npos || line.starts_with('#')) return std::nullopt;
  const std::string_view text = line.substr(at + 3);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::pair(std::string(line.substr(0, at)), value);
}

template <typename Take>
void for_lines(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

Answer show_metrics(Context& context, const Handler& here, const Invocation& invocation) {
  node::Node& node = context.node;
  const std::string_view name = invocation.value("node").value_or("");
  const bool is_self = name.empty() || name == node.config()->node.name;
  if (!invocation.has("cluster") && is_self) return here(context, invocation);
  if (!is_self) {
    std::vector<MemberAnswer> others = ask_others(node, line_of(invocation), name);
    if (others.empty()) {
      return Answer::failed("There is no other member '" + std::string(name) +
                            "' that is up; vmq-admin cluster show lists them.");
    }
    return std::move(others.front().answer);
  }
  std::vector<std::string> texts;
  std::vector<MemberAnswer> silent;
  for (MemberAnswer& other : ask_others(node, line_of(invocation))) {
    if (other.answer.outcome == Outcome::Done) {
      texts.push_back(text_in(other.answer));
    } else {
      silent.push_back(std::move(other));
    }
  }
  Answer answer = Answer::text(add_up_metrics(text_in(here(context, invocation)), texts));
  for (const MemberAnswer& other : silent) add_trouble(answer, other);
  return answer;
}

}  // namespace

std::string add_up_metrics(const std::string& first, const std::vector<std::string>& others) {
  std::map<std::string, std::uint64_t, std::less<>> sums;
  for (const std::string& text : others) {
    for_lines(text, [&](std::string_view line) {
      if (const auto value = value_in(line)) sums[value->first] += value->second;
    });
  }
  std::string all;
  for_lines(first, [&](std::string_view line) {
    const auto value = value_in(line);
    all += all.empty() ? "" : "\n";
    if (!value) {
      all += line;
      return;
    }
    const auto sum = sums.extract(value->first);
    const std::uint64_t more = sum.empty() ? 0 : sum.mapped();
    all += value->first + " = " + std::to_string(value->second + more);
  });
  for (const auto& [name, value] : sums) all += "\n" + name + " = " + std::to_string(value);
  return all;
}

std::vector<std::string> line_of(const Invocation& invocation) {
  std::vector<std::string> line;
  std::string_view words = invocation.command->words;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    line.emplace_back(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  for (const std::string& word : invocation.free_words) line.push_back(word);
  for (const admin::Given& given : invocation.given) {
    const bool is_key = given.arg == nullptr || given.arg->kind == admin::ArgKind::KeyValue;
    line.push_back((is_key ? "" : "--") + given.name +
                   (given.value ? "=" + *given.value : std::string()));
  }
  return line;
}

std::string encode_line(const std::vector<std::string>& line) {
  std::vector<std::uint8_t> bytes;
  ByteWriter(bytes).u32(static_cast<std::uint32_t>(line.size()));
  for (const std::string& word : line) write_text(word, bytes);
  return std::string(as_text(ByteView(bytes)));
}

std::optional<std::vector<std::string>> decode_line(std::string_view bytes) {
  Reader in(bytes);
  std::vector<std::string> line;
  for (std::size_t left = in.count(); left > 0 && in.ok(); --left) line.push_back(in.text());
  if (!in.ok() || !in.is_at_end()) return std::nullopt;
  return line;
}

std::string encode_answer(const Answer& answer) {
  std::vector<std::uint8_t> bytes;
  ByteWriter out(bytes);
  out.u8(static_cast<std::uint8_t>(answer.outcome));
  out.u32(static_cast<std::uint32_t>(answer.parts.size()));
  for (const admin::Part& part : answer.parts) {
    if (const admin::Text* text = std::get_if<admin::Text>(&part)) {
      out.u8(text_part);
      write_text(text->text, bytes);
      continue;
    }
    const Table& table = std::get<Table>(part);
    out.u8(table_part);
    out.u32(static_cast<std::uint32_t>(table.columns.size()));
    for (const std::string& column : table.columns) write_text(column, bytes);
    out.u32(static_cast<std::uint32_t>(table.rows.size()));
    for (const std::vector<Cell>& row : table.rows) {
      for (const Cell& cell : row) write_cell(cell, bytes);
    }
  }
  return std::string(as_text(ByteView(bytes)));
}

std::optional<Answer> decode_answer(std::string_view bytes) {
  Reader in(bytes);
  Answer answer;
  const std::uint8_t outcome = in.u8();
  if (outcome > static_cast<std::uint8_t>(Outcome::Late)) return std::nullopt;
  answer.outcome = static_cast<Outcome>(outcome);
  for (std::size_t parts = in.count(); parts > 0 && in.ok(); --parts) {
    const std::uint8_t kind = in.u8();
    if (kind == text_part) {
      answer.parts.emplace_back(admin::Text{in.text()});
      continue;
    }
    if (kind != table_part) return std::nullopt;
    Table table;
    for (std::size_t left = in.count(); left > 0 && in.ok(); --left) {
      table.columns.push_back(in.text());
    }
    for (std::size_t left = in.count(); left > 0 && in.ok(); --left) {
      std::vector<Cell>& row = table.rows.emplace_back();
      while (row.size() < table.columns.size() && in.ok()) row.push_back(in.cell());
    }
    answer.parts.emplace_back(std::move(table));
  }
  if (!in.ok() || !in.is_at_end()) return std::nullopt;
  return answer;
}

void spread_over_members(Handlers& handlers, node::Node& node, node::Log& log) {
  serve_member_traces(node);
  // What this node does by itself, for others that ask.
  const auto here = std::make_shared<Handlers>();
  const auto spread = [&](const char* words, auto with) {
    const Handler handler = handlers.find(words)->second;
    here->emplace(words, handler);
    handlers[words] = [handler, with](Context& context, const Invocation& invocation) {
      if (context.node.members()->is_alone()) return handler(context, invocation);
      return with(context, handler, invocation);
    };
  };
  for (const char* words : shows) spread(words, show_all);
  for (const char* words : changes) spread(words, change_all);
  const Handler metrics = handlers.find("metrics show")->second;
  here->emplace("metrics show", metrics);
  handlers["metrics show"] = [metrics](Context& context, const Invocation& invocation) {
    return show_metrics(context, metrics, invocation);
  };
  node.questions().set_handler(
      command_question,
      [&node, &log, here](const node::AskedQuestion& asked) -> Result<std::string, std::string> {
        if (!asked.is_member) return failure(asked.peer.name + " is no member of this cluster");
        const auto line = decode_line(asked.question.json);
        if (!line) return failure<std::string>("the question is not understood");
        const auto invocation = admin::parse(*line);
        if (!invocation) return failure(invocation.error().text);
        const auto handler = here->find(invocation->command->words);
        if (handler == here->end()) return failure<std::string>("no such command for members");
        const Caller caller{"member", asked.peer.name};
        Context context{node, log, caller};
        return encode_answer(handler->second(context, *invocation));
      });
}

}  // namespace vmq::control
