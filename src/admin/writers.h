// The forms of an answer. The human form is VerneMQ's bordered table, the JSON form its
// {"table":[…],"type":"table"}, the CSV form that of RFC 4180.
//
// Whatever clients may have put into a cell cannot do harm: control characters come out as \x and
// two hex digits in the human and CSV forms, so that no client id moves the cursor of a terminal;
// bytes that are no UTF-8 likewise, and as U+FFFD in JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "admin/invocation.h"
#include "admin/table.h"

namespace vmq::admin {

// Human headers are bold unless told otherwise, on a terminal or not: VerneMQ does so, and scripts
// have learned it.
enum class Header : std::uint8_t { Bold, Plain };

// What goes to whom. A text of an answer that is not Done is a complaint: for people it goes to
// standard error, and in JSON it is an alert.
struct Written {
  std::string out;
  std::string err;
};

Written write(const Answer& answer, Format format, Header header = Header::Bold);
// A complaint of parse() as an answer; help that was asked for is Done.
Answer to_answer(const UsageError& error);
// 0 only when it was done.
int exit_code(Outcome outcome);

// One form each. Human and CSV end with a newline unless empty, JSON never does.
std::string to_human(const Answer& answer, Header header);
std::string to_json(const Answer& answer);
std::string to_csv(const Answer& answer);

// A cell as it stands in a human table or a CSV file.
std::string to_string(const Cell& cell);
// `text` as a JSON string, quotes included. What is not UTF-8 comes out as U+FFFD.
std::string json_string(std::string_view text);
// Control characters but newlines and tabs, and bytes that are no UTF-8, as \x and two hex digits.
std::string harmless(std::string_view text);

}  // namespace vmq::admin
