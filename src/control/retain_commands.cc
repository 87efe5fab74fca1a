// retain: retained messages, looked at and deleted.
#include <string>
#include <utility>
#include <vector>

#include "control/control.h"
#include "control/message_reader.h"
#include "control/query.h"
#include "core/shard.h"
#include "node/clock.h"
#include "session/message_record.h"
#include "topic/validate.h"

namespace vmq::control {
namespace {

using admin::Answer;
using admin::Cell;
using admin::Invocation;

constexpr std::size_t topics_per_slice = 1000;
constexpr std::string_view kColumns[] = {"payload", "topic"};

// On this thread: the index may be read by any, and is locked for a slice at a time.
void scan(node::Node& node, const Query& query, const std::string& mountpoint,
          std::string_view filter, Query::Rows& rows) {
  const WallTime now = node::read_clock().wall;
  topic::RetainedCursor cursor;
  while (!cursor.done() && !rows.is_full()) {
    std::vector<std::vector<Cell>> found;
    node.retained().scan(
        mountpoint, filter, cursor, topics_per_slice, [&](const topic::RetainedView& retained) {
          if (retained.expires_at.ms != 0 && retained.expires_at <= now) return;
          const auto parsed = session::parse_message_record(retained.blob);
          if (!parsed) return;
          const ByteView payload = parsed->message.payload;
          std::vector<Cell> row;
          for (const std::string& field : query.fields()) {
            if (field == "topic") row.emplace_back(std::string(retained.topic));
            if (field == "mountpoint") row.emplace_back(mountpoint);
            if (field != "payload") continue;
            row.emplace_back(shown_payload(as_text(payload), payload.size()));
          }
          const bool is_wanted = query.accepts("topic", std::string(retained.topic)) &&
                                 (!query.is_judged("payload") ||
                                  query.accepts("payload", std::string(as_text(payload))));
          if (is_wanted) found.push_back(std::move(row));
        });
    for (std::vector<Cell>& row : found) rows.add(std::move(row));
  }
}

Answer show(Context& context, const Invocation& invocation) {
  auto query = Query::of(invocation, kColumns);
  if (!query) return Answer::bad_usage(query.error());
  const std::string* mountpoint = query->exact("mountpoint");
  if (query->is_judged("mountpoint") && mountpoint == nullptr) {
    return Answer::bad_usage("--mountpoint: which one? An expression cannot choose it.");
  }
  const std::string at = mountpoint == nullptr ? std::string() : *mountpoint;
  Query::Rows rows(*query);
  if (const std::string* topic = query->exact("topic"); topic != nullptr) {
    if (topic::check_name(*topic, 0xffff)) scan(context.node, *query, at, *topic, rows);
  } else {
    // A wildcard in the first level does not stand for what the node says of itself.
    scan(context.node, *query, at, "$SYS/#", rows);
    scan(context.node, *query, at, "#", rows);
  }
  auto table = rows.take();
  return table ? Answer::of(std::move(*table)) : Answer::failed(table.error());
}

Answer remove(Context& context, const Invocation& invocation) {
  const std::string topic(*invocation.value("topic"));
  const std::string mountpoint(invocation.value("mountpoint").value_or(""));
  if (const auto checked = topic::check_name(topic, 0xffff); !checked) {
    return Answer::bad_usage("--topic: " + std::string(topic::text_of(checked.error())));
  }
  // Any shard may change any topic; the first one does.
  const auto done = context.node.ask_shards<bool>(
      [topic, mountpoint](node::ShardThread& shard) {
        if (shard.id().value == 0) shard.core().shard().delete_retained(mountpoint, topic);
        return true;
      },
      shard_patience);
  return done.front() ? Answer::done() : Answer::late(std::string(shard_is_busy));
}

struct Swept {
  std::size_t expired = 0;
  bool is_done = true;
};

Answer remove_expired(Context& context, const Invocation&) {
  std::size_t expired = 0;
  // The first round may begin in the middle, where the node's own sweep has stopped.
  for (int round = 0; round < 2; ++round) {
    for (bool is_done = false; !is_done;) {
      const auto slices = context.node.ask_shards<Swept>(
          [](node::ShardThread& shard) {
            Swept swept;
            if (shard.id().value != 0) return swept;
            swept.expired = shard.core().shard().expire_retained(topics_per_slice, swept.is_done);
            return swept;
          },
          shard_patience);
      if (!slices.front()) return Answer::late(std::string(shard_is_busy));
      expired += slices.front()->expired;
      is_done = slices.front()->is_done;
    }
  }
  return Answer::of({{"expired"}, {{static_cast<std::int64_t>(expired)}}});
}

}  // namespace

void bind_retain_commands(Handlers& handlers) {
  handlers["retain show"] = show;
  handlers["retain delete"] = remove;
  handlers["retain delete-expired"] = remove_expired;
}

}  // namespace vmq::control
