// What a command answers: tables and text, as values. Writers (writers.h) make the human, JSON and
// CSV forms of them; nobody else formats anything.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace vmq::admin {

// std::monostate is null: there is no value.
using Cell = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;  // each as long as `columns`
};

// One line or several, without the last newline.
struct Text {
  std::string text;
};

using Part = std::variant<Table, Text>;

enum class Outcome : std::uint8_t {
  Done,
  Failed,    // understood, but it could not be carried out; the text says why and what to do
  BadUsage,  // no such command, or not called like that
  Busy,      // not begun, as others are before it: worth another try
  Late,      // begun, and who was asked has not answered in time
};

struct Answer {
  Outcome outcome = Outcome::Done;
  std::vector<Part> parts;

  static Answer done() { return {Outcome::Done, {Text{"Done"}}}; }
  static Answer of(Table table) { return {Outcome::Done, {std::move(table)}}; }
  static Answer text(std::string text) { return {Outcome::Done, {Text{std::move(text)}}}; }
  static Answer failed(std::string why) { return {Outcome::Failed, {Text{std::move(why)}}}; }
  static Answer busy(std::string why) { return {Outcome::Busy, {Text{std::move(why)}}}; }
  static Answer late(std::string why) { return {Outcome::Late, {Text{std::move(why)}}}; }
  static Answer bad_usage(std::string why) { return {Outcome::BadUsage, {Text{std::move(why)}}}; }
};

}  // namespace vmq::admin
