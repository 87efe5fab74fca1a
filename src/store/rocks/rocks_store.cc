#include "store/rocks/rocks_store.h"

#include <utility>

#include "store/rocks/committer.h"
#include "store/rocks/database.h"
#include "store/rocks/mailbox.h"
#include "store/rocks/open_with.h"
#include "store/rocks/reader.h"

namespace vmq::store {

namespace {

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<Database> database, RocksOptions options)
      : database_(std::move(database)),
        mailboxes_(options.shards, std::move(options.wake)),
        reader_(*database_, mailboxes_),
        committer_(*database_, mailboxes_, reader_, options) {}

  ~RocksStore() override { static_cast<void>(close()); }

  void submit(ShardId shard, Batch&& batch, StoreTicket ticket) override {
    committer_.submit(shard, std::move(batch), ticket);
  }

  void load(ShardId shard, LoadRequest request) override {
    committer_.ask({shard, {}, std::move(request)});
  }

  void load_keys(ShardId shard, LoadKeysRequest request) override {
    committer_.ask({shard, {}, std::move(request)});
  }

  void poll(ShardId shard, Completions& out) override { mailboxes_.take(shard, out); }

  Result<void, StoreError> scan(Space space, AnyBytes from, AnyBytes to,
                                const ScanVisitor& visit) override {
    if (is_closed_) return failure(StoreError{StoreErrorKind::Closed, "the store is closed"});
    std::uint64_t corrupted = 0;
    Result<void, StoreError> result = database_->scan(space, from, to, [&](const Row& row) {
      if (row.state == RowState::Corrupted) ++corrupted;
      return visit(row);
    });
    if (corrupted > 0) reader_.note_corrupted(corrupted);
    if (!result) reader_.note_error(result.error().text);
    return result;
  }

  Result<void, StoreError> sync() override { return committer_.sync(); }

  // The committer first: it may still hand questions to the reader.
  Result<void, StoreError> close() override {
    if (std::exchange(is_closed_, true)) return {};
    Result<void, StoreError> result = committer_.stop();
    reader_.stop();
    database_->close();
    return result;
  }

  StoreHealth health() const override {
    StoreHealth health;
    committer_.report(health);
    reader_.report(health);
    health.bytes_on_disk = database_->bytes_on_disk();
    return health;
  }

 private:
  std::unique_ptr<Database> database_;
  Mailboxes mailboxes_;
  Reader reader_;
  Committer committer_;
  bool is_closed_ = false;
};

}  // namespace

Result<std::unique_ptr<Store>, OpenError> open_rocks_store_with(const std::string& path,
                                                                RocksOptions options,
                                                                rocksdb::Env* env) {
  Result<std::unique_ptr<Database>, OpenError> database = Database::open(path, options, env);
  if (!database) return failure(std::move(database.error()));
  return std::unique_ptr<Store>(
      std::make_unique<RocksStore>(std::move(*database), std::move(options)));
}

Result<std::unique_ptr<Store>, OpenError> open_rocks_store(const std::string& path,
                                                           RocksOptions options) {
  return open_rocks_store_with(path, std::move(options), nullptr);
}

}  // namespace vmq::store
