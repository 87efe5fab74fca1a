#include "store/rocks/newer_merge.h"

#include <rocksdb/merge_operator.h>

#include <string_view>

#include "store/frame.h"

namespace vmq::store {

namespace {

ByteView view_of(const rocksdb::Slice& slice) {
  return as_bytes(std::string_view(slice.data(), slice.size()));
}

// Never fails: RocksDB would take a failure for corruption and stop compacting. A corrupted operand
// loses against every sound one, and if there is no sound one it stays, so that readers report it.
class NewerMerge final : public rocksdb::MergeOperator {
 public:
  explicit NewerMerge(Space space) : space_(space) {}

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    auto operand = in.operand_list.begin();
    rocksdb::Slice best = in.existing_value != nullptr ? *in.existing_value : *operand++;
    for (; operand != in.operand_list.end(); ++operand) {
      if (wins(in.key, best, *operand)) best = *operand;
    }
    out->existing_operand = best;
    return true;
  }

  bool PartialMerge(const rocksdb::Slice& key, const rocksdb::Slice& older,
                    const rocksdb::Slice& newer, std::string* merged,
                    rocksdb::Logger*) const override {
    const rocksdb::Slice& best = wins(key, older, newer) ? newer : older;
    merged->assign(best.data(), best.size());
    return true;
  }

  const char* Name() const override { return "vmq.newer.1"; }

 private:
  bool wins(const rocksdb::Slice& key, const rocksdb::Slice& stored,
            const rocksdb::Slice& candidate) const {
    return is_newer_frame(space_, view_of(key), view_of(stored), view_of(candidate));
  }

  Space space_;
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> make_newer_merge(Space space) {
  return std::make_shared<NewerMerge>(space);
}

}  // namespace vmq::store
