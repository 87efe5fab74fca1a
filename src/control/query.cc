#include "control/query.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace vmq::control {
namespace {

// Rows kept beyond the limit before they are sorted and cut.
constexpr std::size_t unsorted_max = 4096;
constexpr std::int64_t expression_memory_max = 1 << 20;

std::string text_of(const admin::Cell& cell) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const { return std::to_string(value); }
    std::string operator()(const std::string& value) const { return value; }
  };
  return std::visit(Visitor{}, cell);
}

std::size_t bytes_of(const std::vector<admin::Cell>& row) {
  std::size_t bytes = sizeof row + row.capacity() * sizeof(admin::Cell);
  for (const admin::Cell& cell : row) {
    if (const auto* text = std::get_if<std::string>(&cell)) bytes += text->capacity();
  }
  return bytes;
}

// Null after everything, numbers from the largest down, the rest from A to Z.
bool comes_before(const admin::Cell& a, const admin::Cell& b) {
  if (a.index() != b.index()) {
    return !std::holds_alternative<std::monostate>(a) &&
           (std::holds_alternative<std::monostate>(b) || a.index() < b.index());
  }
  if (const auto* text = std::get_if<std::string>(&a)) return *text < std::get<std::string>(b);
  return a > b;
}

}  // namespace

struct Query::Condition {
  std::string field;
  std::string text;
  std::shared_ptr<const RE2> expression;  // null: `text` exactly

  bool accepts(const std::string& value) const {
    return expression == nullptr ? value == text : RE2::PartialMatch(value, *expression);
  }
};

Query::Query() = default;
Query::~Query() = default;
Query::Query(Query&&) noexcept = default;
Query& Query::operator=(Query&&) noexcept = default;

Result<Query, std::string> Query::of(const admin::Invocation& invocation,
                                     std::span<const std::string_view> defaults) {
  Query query;
  for (const admin::Given& given : invocation.given) {
    if (given.arg == nullptr || given.arg->kind != admin::ArgKind::Field) continue;
    if (!given.value) {
      query.columns_.push_back(given.name);
      continue;
    }
    Condition condition{given.name, *given.value, nullptr};
    if (condition.text.starts_with('~')) {
      RE2::Options options;
      options.set_log_errors(false);
      options.set_max_mem(expression_memory_max);
      auto expression = std::make_shared<const RE2>(condition.text.substr(1), options);
      if (!expression->ok()) {
        return failure("--" + given.name +
                       ": the expression is not understood: " + expression->error());
      }
      condition.expression = std::move(expression);
    }
    query.conditions_.push_back(std::move(condition));
  }
  if (query.columns_.empty()) query.columns_.assign(defaults.begin(), defaults.end());
  std::sort(query.columns_.begin(), query.columns_.end());
  query.columns_.erase(std::unique(query.columns_.begin(), query.columns_.end()),
                       query.columns_.end());
  query.fields_ = query.columns_;
  if (const auto order = invocation.value("order_by")) {
    const auto at = std::find(query.fields_.begin(), query.fields_.end(), *order);
    query.sorted_by_ = static_cast<std::size_t>(at - query.fields_.begin());
    if (at == query.fields_.end()) query.fields_.emplace_back(*order);
  }
  query.limit_ = invocation.number("limit", limit_default);
  query.row_timeout_ms_ = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(invocation.number("rowtimeout", row_timeout_default_ms), 60'000));
  return query;
}

bool Query::needs(std::string_view field) const {
  return std::find(fields_.begin(), fields_.end(), field) != fields_.end() || is_judged(field);
}

bool Query::is_judged(std::string_view field) const {
  return std::any_of(conditions_.begin(), conditions_.end(),
                     [&](const Condition& condition) { return condition.field == field; });
}

const std::string* Query::exact(std::string_view field) const {
  for (const Condition& condition : conditions_) {
    if (condition.field == field && condition.expression == nullptr) return &condition.text;
  }
  return nullptr;
}

bool Query::accepts(std::string_view field, const admin::Cell& value) const {
  for (const Condition& condition : conditions_) {
    if (condition.field == field && !condition.accepts(text_of(value))) return false;
  }
  return true;
}

void Query::Rows::add(std::vector<admin::Cell> row) {
  if (is_full()) return;
  bytes_ += bytes_of(row);
  rows_.push_back(std::move(row));
  const bool has_surplus = query_.is_sorted() && rows_.size() > query_.limit();
  const bool is_over = bytes_ > bytes_max_;
  if (has_surplus && (is_over || rows_.size() - query_.limit() >= query_.limit() + unsorted_max)) {
    sort();
  }
  // Rows that are sorted need room for those that come, or each of these would sort them again.
  if (!is_over || bytes_ <= (has_surplus ? bytes_max_ / 2 : bytes_max_)) return;
  is_too_large_ = true;
  rows_ = {};
}

void Query::Rows::sort() {
  const std::size_t by = query_.sorted_by_;
  std::stable_sort(rows_.begin(), rows_.end(),
                   [by](const auto& a, const auto& b) { return comes_before(a[by], b[by]); });
  for (; rows_.size() > query_.limit(); rows_.pop_back()) bytes_ -= bytes_of(rows_.back());
}

Result<admin::Table, std::string> Query::Rows::take() {
  if (is_too_large_) {
    return failure("The rows would take more than " + std::to_string(bytes_max_ >> 20) +
                   " MiB of memory. Ask for fewer rows (--limit=N) or columns, or narrow the "
                   "question with conditions.");
  }
  if (query_.is_sorted()) sort();
  for (auto& row : rows_) row.resize(query_.columns_.size());
  return admin::Table{query_.columns_, std::move(rows_)};
}

}  // namespace vmq::control
