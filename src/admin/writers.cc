#include "admin/writers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include "admin/text.h"

namespace vmq::admin {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_hex(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += "\\x";
  out += hex_digits[byte >> 4];
  out += hex_digits[byte & 15];
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1)
    return (first < 0x20 && first != '\n' && first != '\t') || first == 127;
  // U+0080 to U+009F, which some terminals take as control characters too.
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string number(double value) {
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

// Human.

using Lines = std::vector<std::string>;

Lines lines_of(const Cell& cell) {
  const std::string text = harmless(to_string(cell));
  Lines lines;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find('\n', begin);
    std::string line = text.substr(begin, end - begin);
    for (char& c : line) {
      if (c == '\t') c = ' ';  // one column wide
    }
    lines.push_back(std::move(line));
    if (end == std::string::npos) return lines;
    begin = end + 1;
  }
}

struct Row {
  std::vector<Lines> cells;
  std::size_t height = 1;
};

void append_rule(std::string& out, const std::vector<std::size_t>& widths) {
  for (const std::size_t width : widths) out += "+" + std::string(width + 2, '-');
  out += "+\n";
}

void append_row(std::string& out, const Row& row, const std::vector<std::size_t>& widths,
                Header header) {
  for (std::size_t line = 0; line < row.height; ++line) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const std::string text = line < row.cells[i].size() ? row.cells[i][line] : "";
      const std::string blanks(widths[i] - character_count(text), ' ');
      out += "| ";
      out += header == Header::Bold ? "\x1b[1m" + text + "\x1b[0m" : text;
      out += blanks + " ";
    }
    out += "|\n";
  }
}

void append_human(std::string& out, const Table& table, Header header) {
  if (table.rows.empty()) return;
  std::vector<Row> rows(1);
  for (const std::string& column : table.columns) rows[0].cells.push_back(lines_of(column));
  for (const std::vector<Cell>& cells : table.rows) {
    Row& row = rows.emplace_back();
    for (const Cell& cell : cells) row.cells.push_back(lines_of(cell));
  }
  std::vector<std::size_t> widths(table.columns.size(), 0);
  for (Row& row : rows) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      row.height = std::max(row.height, row.cells[i].size());
      for (const std::string& line : row.cells[i]) {
        widths[i] = std::max(widths[i], character_count(line));
      }
    }
  }
  append_rule(out, widths);
  for (const Row& row : rows) {
    append_row(out, row, widths, &row == &rows.front() ? header : Header::Plain);
    append_rule(out, widths);
  }
}

// JSON.

void append_json(std::string& out, const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell); text != nullptr) {
    out += json_string(*text);
  } else if (const auto* value = std::get_if<double>(&cell);
             value != nullptr && !std::isfinite(*value)) {
    out += "null";
  } else {
    out += to_string(cell);
  }
}

void append_json(std::string& out, const Table& table) {
  out += "{\"table\":[";
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    out += i == 0 ? "{" : ",{";
    for (std::size_t j = 0; j < table.columns.size(); ++j) {
      if (j > 0) out += ",";
      out += json_string(table.columns[j]) + ":";
      append_json(out, table.rows[i][j]);
    }
    out += "}";
  }
  out += "],\"type\":\"table\"}";
}

void append_json(std::string& out, const Text& text) {
  out += "{\"text\":" + json_string(text.text) + ",\"type\":\"text\"}";
}

// CSV.

void append_csv(std::string& out, std::string_view raw) {
  const std::string text = harmless(raw);
  if (text.find_first_of("\",\n") == std::string::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_csv(std::string& out, const Table& table) {
  for (std::size_t j = 0; j < table.columns.size(); ++j) {
    if (j > 0) out += ',';
    append_csv(out, table.columns[j]);
  }
  out += "\r\n";
  for (const std::vector<Cell>& row : table.rows) {
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (j > 0) out += ',';
      // Nothing between two commas is null; a text without characters has its quotes.
      const auto* text = std::get_if<std::string>(&row[j]);
      if (text != nullptr && text->empty()) out += "\"\"";
      if (!std::holds_alternative<std::monostate>(row[j])) append_csv(out, to_string(row[j]));
    }
    out += "\r\n";
  }
}

void append_text(std::string& out, const Text& text) {
  out += harmless(text.text);
  out += '\n';
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(size, 1));
    if (size == 0 || is_control(character)) {
      for (const char c : character) append_hex(out, c);
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const char c = text.front();
    if (size == 0) {
      out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 127) {
      out += "\\u00";
      out += hex_digits[static_cast<unsigned char>(c) >> 4];
      out += hex_digits[static_cast<unsigned char>(c) & 15];
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out + '"';
}

std::string to_string(const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* flag = std::get_if<bool>(&cell)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return std::to_string(*whole);
  if (const auto* value = std::get_if<double>(&cell)) return number(*value);
  return "null";
}

std::string to_human(const Answer& answer, Header header) {
  std::string out;
  for (const Part& part : answer.parts) {
    if (const auto* table = std::get_if<Table>(&part)) {
      append_human(out, *table, header);
    } else {
      append_text(out, std::get<Text>(part));
    }
  }
  return out;
}

std::string to_json(const Answer& answer) {
  std::string out;
  for (const Part& part : answer.parts) {
    if (!out.empty()) out += ",";
    std::visit([&](const auto& one) { append_json(out, one); }, part);
  }
  if (answer.outcome != Outcome::Done) return "{\"type\":\"alert\",\"alert\":[" + out + "]}";
  return answer.parts.size() == 1 ? out : "[" + out + "]";
}

std::string to_csv(const Answer& answer) {
  std::string out;
  for (const Part& part : answer.parts) {
    if (!out.empty()) out += "\r\n";
    if (const auto* table = std::get_if<Table>(&part)) {
      append_csv(out, *table);
    } else {
      append_text(out, std::get<Text>(part));
    }
  }
  return out;
}

Written write(const Answer& answer, Format format, Header header) {
  if (format == Format::Json) return {to_json(answer), ""};
  std::string text = format == Format::Csv ? to_csv(answer) : to_human(answer, header);
  if (answer.outcome == Outcome::Done) return {std::move(text), ""};
  return {"", std::move(text)};
}

Answer to_answer(const UsageError& error) {
  return error.is_help ? Answer::text(error.text) : Answer::bad_usage(error.text);
}

int exit_code(Outcome outcome) { return outcome == Outcome::Done ? 0 : 1; }

}  // namespace vmq::admin
