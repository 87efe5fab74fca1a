// What `session show` and its like are asked for: columns, conditions, an order and a bound.
//
// A field that is given alone is a column; FIELD=VALUE and FIELD=~REGEX are conditions. Expressions
// are matched in time linear in the text (RE2), so none of them can hold a shard up.
//
// Threads: a query is constant once made; any number may use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/invocation.h"
#include "admin/table.h"
#include "base/result.h"

namespace vmq::control {

class Query {
 public:
  static constexpr std::uint64_t limit_default = 100;
  static constexpr std::uint64_t row_timeout_default_ms = 100;
  static constexpr std::size_t rows_bytes_max = std::size_t{512} << 20;

  // The error is a sentence. REQUIRES: `defaults` are in alphabetical order.
  [[nodiscard]] static Result<Query, std::string> of(const admin::Invocation& invocation,
                                                     std::span<const std::string_view> defaults);
  ~Query();
  Query(Query&&) noexcept;
  Query& operator=(Query&&) noexcept;

  // In alphabetical order.
  const std::vector<std::string>& columns() const { return columns_; }
  // Columns, and behind them what rows are sorted by, if that is none of them.
  const std::vector<std::string>& fields() const { return fields_; }
  bool is_sorted() const { return sorted_by_ != none; }
  std::size_t limit() const { return limit_; }
  std::uint32_t row_timeout_ms() const { return row_timeout_ms_; }
  // Whether the field is shown, sorted by or judged.
  bool needs(std::string_view field) const;
  bool is_judged(std::string_view field) const;
  // The value that the field must have exactly; nothing where an expression or nothing is asked.
  const std::string* exact(std::string_view field) const;
  // Whether all conditions on the field are met.
  bool accepts(std::string_view field, const admin::Cell& value) const;

  // Takes rows of fields() and keeps the first limit() of them in the order asked for: numbers
  // from the largest down, everything else from A to Z. No limit makes it keep more memory than
  // `bytes_max`: where rows would, there is no answer.
  class Rows {
   public:
    explicit Rows(const Query& query, std::size_t bytes_max = rows_bytes_max)
        : query_(query), bytes_max_(bytes_max) {}
    // Whether more rows could change the answer.
    bool is_full() const {
      return is_too_large_ || (!query_.is_sorted() && rows_.size() >= query_.limit());
    }
    void add(std::vector<admin::Cell> row);
    // The error says what to ask for instead.
    [[nodiscard]] Result<admin::Table, std::string> take();

   private:
    void sort();

    const Query& query_;
    const std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    bool is_too_large_ = false;
    std::vector<std::vector<admin::Cell>> rows_;
  };

 private:
  struct Condition;
  static constexpr std::size_t none = ~std::size_t{0};
  Query();

  std::vector<std::string> columns_;
  std::vector<std::string> fields_;
  std::size_t sorted_by_ = none;  // place in fields_
  std::vector<Condition> conditions_;
  std::size_t limit_ = limit_default;
  std::uint32_t row_timeout_ms_ = row_timeout_default_ms;
};

}  // namespace vmq::control
