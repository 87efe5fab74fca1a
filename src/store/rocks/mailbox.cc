#include "store/rocks/mailbox.h"

#include "base/expect.h"

namespace vmq::store {

Mailbox& Mailboxes::of(ShardId shard) {
  VMQ_EXPECT(shard.value < boxes_.size());
  return boxes_[shard.value];
}

}  // namespace vmq::store
