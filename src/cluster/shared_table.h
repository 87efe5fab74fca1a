// A small table that all members share: the rows under one prefix of the metadata. Everybody
// follows it and so has a copy; a row is added where there is none of its key, or removed, by
// compare-and-swap.
//
// Pure: whoever owns the Metadata polls it and hands over the answers. Requests have ids from
// shared_table_ids up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/time.h"
#include "cluster/key_edit.h"
#include "cluster/metadata.h"
#include "cluster/prefix_view.h"

namespace vmq::cluster {

// Above those of Membership.
inline constexpr std::uint64_t shared_table_ids = std::uint64_t{1} << 58;

class SharedTable {
 public:
  using Rows = PrefixView::Values;  // keys without the prefix
  enum class How : std::uint8_t {
    Done,     // and rows() shows it
    Exists,   // added: there is a row of that key already
    Absent,   // removed: there is none
    Unknown,  // no majority answered in time: it may have been done, or may be done yet
    Refused,  // key or value are too large
  };

  // REQUIRES: `metadata` outlives this, and nobody else uses these ids there.
  SharedTable(Metadata& metadata, std::string prefix);
  ~SharedTable() { metadata_.cancel(shared_table_ids); }
  SharedTable(const SharedTable&) = delete;
  SharedTable& operator=(const SharedTable&) = delete;

  // True once all rows have been told; from then on they are kept also while nobody answers.
  bool is_complete() const { return view_.is_complete(); }
  const Rows& rows() const { return rows_; }

  // One change after the other, each finished() within `patience`. REQUIRES: !is_busy().
  void add(const std::string& key, std::string value, Duration patience, Instant now);
  void remove(const std::string& key, Duration patience, Instant now);
  bool is_busy() const { return deadline_.has_value(); }
  // Once for each.
  std::optional<How> finished() { return std::exchange(finished_, std::nullopt); }

  // Adds these rows where there are none of their key, one by one and for as long as it takes;
  // replaces what was to be added so before.
  void fill(Rows rows);
  bool is_filling() const { return !to_fill_.empty(); }

  // Goes on with what a poll has brought; also when it is due(). True: rows() may be others.
  bool take(const Answers& answers, Instant now);
  // When to come again though the metadata has nothing new.
  std::optional<Instant> due() const;

 private:
  void begin(const std::string& key, KeyEdit::Decide decide, Duration patience, Instant now);
  void finish(How how);
  void go_on(const Answers& answers, Instant now);
  void go_on_filling(const Answers& answers, Instant now);

  Metadata& metadata_;
  const std::string prefix_;
  PrefixView view_;
  Rows rows_;

  KeyEdit edit_{shared_table_ids + (1ull << 40)};
  std::optional<Instant> deadline_;     // of the change under way
  std::optional<Revision> changed_at_;  // it is done; to be seen in rows()
  std::optional<How> finished_;

  Rows to_fill_;
  KeyEdit fill_edit_{shared_table_ids + (2ull << 40)};
};

}  // namespace vmq::cluster
