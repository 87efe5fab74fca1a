#include "cluster/shared_table.h"

#include <algorithm>
#include <memory>

#include "base/expect.h"

namespace vmq::cluster {
namespace {

// Reasons of decisions; nobody reads them but finish().
constexpr const char* exists = "exists";
constexpr const char* absent = "absent";

}  // namespace

SharedTable::SharedTable(Metadata& metadata, std::string prefix)
    : metadata_(metadata), prefix_(std::move(prefix)) {
  metadata_.watch(shared_table_ids, prefix_, std::nullopt);
}

void SharedTable::begin(const std::string& key, KeyEdit::Decide decide, Duration patience,
                        Instant now) {
  VMQ_EXPECT(!is_busy());
  deadline_ = now + patience;
  changed_at_.reset();
  finished_.reset();
  edit_.begin(metadata_, prefix_ + key, std::move(decide));
}

// An answer that was lost leaves in doubt whether a change was done. What is found afterwards is
// taken for this node's own then: it is what was wanted.
void SharedTable::add(const std::string& key, std::string value, Duration patience, Instant now) {
  auto decide = [value = std::move(value), has_tried = std::make_shared<bool>(false)](
                    const std::optional<std::string>& current) {
    if (current && *has_tried && *current == value) return KeyEdit::done();
    if (current) return KeyEdit::give_up(exists);
    *has_tried = true;
    return KeyEdit::write(value);
  };
  begin(key, std::move(decide), patience, now);
}

void SharedTable::remove(const std::string& key, Duration patience, Instant now) {
  auto decide = [has_tried =
                     std::make_shared<bool>(false)](const std::optional<std::string>& current) {
    if (!current) return *has_tried ? KeyEdit::done() : KeyEdit::give_up(absent);
    *has_tried = true;
    return KeyEdit::erase();
  };
  begin(key, std::move(decide), patience, now);
}

void SharedTable::fill(Rows rows) {
  to_fill_ = std::move(rows);
  fill_edit_.stop();
}

void SharedTable::finish(How how) {
  edit_.stop();
  deadline_.reset();
  changed_at_.reset();
  finished_ = how;
}

void SharedTable::go_on(const Answers& answers, Instant now) {
  if (!deadline_) return;
  if (const auto outcome = edit_.take(metadata_, answers, now)) {
    if (outcome->reason == exists) return finish(How::Exists);
    if (outcome->reason == absent) return finish(How::Absent);
    if (!outcome->is_done) return finish(How::Refused);
    changed_at_ = outcome->revision;
  }
  if (changed_at_ && view_.is_complete() && view_.revision() >= *changed_at_) {
    return finish(How::Done);
  }
  if (now >= *deadline_) finish(changed_at_ ? How::Done : How::Unknown);
}

void SharedTable::go_on_filling(const Answers& answers, Instant now) {
  if (fill_edit_.is_running()) {
    if (!fill_edit_.take(metadata_, answers, now)) return;
    to_fill_.erase(to_fill_.begin());
  }
  if (to_fill_.empty()) return;
  const auto& [key, value] = *to_fill_.begin();
  fill_edit_.begin(metadata_, prefix_ + key,
                   [text = value](const std::optional<std::string>& current) {
                     return current ? KeyEdit::done() : KeyEdit::write(text);
                   });
}

bool SharedTable::take(const Answers& answers, Instant now) {
  bool is_new = false;
  for (const News& news : answers.news) {
    if (news.id != shared_table_ids) continue;
    view_.take(news);
    is_new = true;
  }
  if (is_new) {
    rows_.clear();
    for (const auto& [key, value] : view_.values())
      rows_.emplace(key.substr(prefix_.size()), value);
  }
  go_on(answers, now);
  go_on_filling(answers, now);
  return is_new && view_.is_complete();
}

std::optional<Instant> SharedTable::due() const {
  std::optional<Instant> due = deadline_;
  for (const KeyEdit* edit : {&edit_, &fill_edit_}) {
    const std::optional<Instant> at = edit->due();
    if (at && (!due || *at < *due)) due = at;
  }
  return due;
}

}  // namespace vmq::cluster
