// What happens because time has passed. Timers are never cancelled: each looks whether it is still
// due.
#include <algorithm>
#include <string>

#include "core/metrics.h"
#include "core/shard.h"

namespace vmq::core {

namespace {
using mqtt::ReasonCode;
}

void Shard::on_timer() {
  for (std::uint32_t i = 0; i < limits_.timers_per_turn; ++i) {
    const std::optional<Timer> timer = timers_.pop(now_.instant);
    if (!timer) break;
    switch (timer->kind) {
      case TimerKind::Connect:
      case TimerKind::KeepAlive:
      case TimerKind::Lifetime:
      case TimerKind::Retry:
      case TimerKind::Rate:
        on_connection_timer(*timer);
        break;
      case TimerKind::SessionDue:
      case TimerKind::Reload:
      case TimerKind::Patience:
      case TimerKind::Unkept:
        on_session_timer(*timer);
        break;
      case TimerKind::Sys:
        publish_sys(*timer);
        break;
      case TimerKind::RetainedSweep:
        sweep_retained();
        break;
      case TimerKind::Rearm:
        rearm_sessions(*timer);
        break;
      case TimerKind::Interest:
        release_subacks();
        check_informed();
        break;
      case TimerKind::Evacuate:
        evacuate_some(*timer);
        break;
      case TimerKind::Leave:
        go_on_leaving(*timer);
        break;
    }
  }
}

void Shard::on_connection_timer(const Timer& timer) {
  Connection* conn = find({(timer.incarnation << 32) | timer.slot});
  if (conn == nullptr || conn->phase == Connection::Phase::Closing) return;
  if (timer.kind == TimerKind::Connect) {
    if (conn->phase == Connection::Phase::Online || conn->tunnel.is_valid()) return;
    counters_.count(Plain::SocketCloseTimeout);
    drop(timer.slot, CloseHow::Abort);
    return;
  }
  if (conn->phase != Connection::Phase::Online) return;
  sessions_[conn->session]->queue.give_back_empty();
  switch (timer.kind) {
    case TimerKind::KeepAlive: {
      // One and a half times the interval [MQTT-3.1.2-22].
      if (waits_for_us(*conn)) conn->last_received = now_.instant;
      const Instant due = conn->last_received + milliseconds(conn->keep_alive_s * 1500ll);
      if (due > now_.instant) {
        timers_.add(due, timer);
        return;
      }
      counters_.count(PerVersion::KeepaliveExpired, conn->is_v5());
      const Session& session = *sessions_[conn->session];
      effects_.notes.push_back(
          {Note::What::KeepAliveExpired, session.client_id, *session.mountpoint, conn->peer});
      disconnect(timer.slot, ReasonCode::KeepAliveTimeout);
      return;
    }
    case TimerKind::Lifetime:
      disconnect(timer.slot, ReasonCode::MaximumConnectTime);
      return;
    case TimerKind::Rate:
      resume(timer.slot);
      return;
    default:
      retry(*sessions_[conn->session]);
      timers_.add(now_.instant + config().session.retry_interval, timer);
      return;
  }
}

// Before MQTT 5 an unacknowledged message is sent again on the same connection: from the first one
// that is overdue on, in order.
void Shard::retry(Session& session) {
  session::OutboundQueue& queue = session.queue;
  if (queue.cursor() == 0 || queue.window().empty()) return;
  const session::QueueEntry& first = queue.window().front();
  const std::uint32_t age_ms = static_cast<std::uint32_t>(now_.instant.ms) - first.sent_at_ms;
  if (milliseconds(age_ms) < config().session.retry_interval) return;
  restart_deliveries(session);
  pump(session);
}

void Shard::on_session_timer(const Timer& timer) {
  Session* session = timer.slot < sessions_.size() ? sessions_[timer.slot].get() : nullptr;
  if (session == nullptr || session->created_generation != timer.incarnation) return;
  if (timer.kind == TimerKind::Reload) {
    const bool is_lost = session->has_moved() && session->roaming->to == cluster::nobody;
    if (is_lost) ask_owner(*session);
    if (session->record_hash == 0) note_record(*session);
    pump(*session);
    return;
  }
  if (timer.kind == TimerKind::Patience) {
    lose_patience(*session);
    return;
  }
  if (timer.kind == TimerKind::Unkept) {
    on_unkept_timer(stream_of(*session));
    return;
  }
  if (session->timer_at > now_.instant) return;  // an earlier one was armed since
  session->timer_at = {0};
  if (session->is_online()) return;
  // What is not due yet (the clocks differ, or the will was first) is waited for again.
  if (!meet_deadlines(*session)) arm(*session);
}

// A client that comes and goes leaves timers behind that are due much later. When most are of
// connections that are gone they are swept out, so there are never more than a few a client.
void Shard::sweep_timers() {
  const std::size_t connections = connections_.size() - free_connections_.size();
  constexpr std::size_t few = 4096;
  if (timers_.size() < few + 2 * (3 * connections + 2 * clients_.size())) return;
  timers_.keep_if([this](Instant at, const Timer& timer) {
    switch (timer.kind) {
      case TimerKind::Connect:
      case TimerKind::KeepAlive:
      case TimerKind::Lifetime:
      case TimerKind::Retry:
      case TimerKind::Rate: {
        const Connection* conn = find({(timer.incarnation << 32) | timer.slot});
        if (conn == nullptr || conn->phase == Connection::Phase::Closing) return false;
        return (timer.kind == TimerKind::Connect) != (conn->phase == Connection::Phase::Online);
      }
      case TimerKind::SessionDue:
      case TimerKind::Reload: {
        const Session* session = sessions_[timer.slot].get();
        if (session == nullptr || session->created_generation != timer.incarnation) return false;
        return timer.kind == TimerKind::Reload || session->timer_at == at;
      }
      case TimerKind::Patience: {
        const Session* session = sessions_[timer.slot].get();
        return session != nullptr && session->created_generation == timer.incarnation &&
               session->slowed != nullptr;
      }
      case TimerKind::Sys:
      case TimerKind::RetainedSweep:
      case TimerKind::Rearm:
      case TimerKind::Interest:
      case TimerKind::Evacuate:
      case TimerKind::Unkept:
      case TimerKind::Leave:
        break;
    }
    return true;
  });
}

// Of a session without a connection: publishes its will and ends it when it is time.
bool Shard::meet_deadlines(Session& session) {
  if (is_owner_open(session) || is_will_held(session)) return false;
  const std::optional<Duration> life = lifetime_of(session);
  const bool is_over = life && session.disconnected_at + *life <= now_.wall;
  const bool is_will_due = session.will_at.ms != 0 && (is_over || session.will_at <= now_.wall);
  if (is_will_due && is_will_shared(session)) {
    if (!session.is_will_parting) part_with_will(session);
    return false;
  }
  if (is_will_due) publish_will(session);
  if (is_over) {
    end_session(session);
    return true;
  }
  if (is_will_due) {
    save_session(session);
    note_record(session);
  }
  return false;
}

// $SYS/NODE/metric/with/slashes: every metric of the node, labels added up. One shard publishes for
// all.
void Shard::publish_sys(const Timer& timer) {
  const config::SysTreeConfig& tree = config().systree;
  if (timer.incarnation != sys_round_) return;  // the rounds were changed since
  timers_.add(now_.instant + tree.interval, timer);
  const std::span<const MetricRow> rows = metric_rows();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].kind == MetricKind::Histogram) {
      publish_histogram(rows[i].name, histogram_of(rows[i], shared_));
      continue;
    }
    sum += value_of(rows[i], shared_);
    if (i + 1 < rows.size() && rows[i + 1].name == rows[i].name) continue;
    publish_counter(rows[i].name, sum);
    sum = 0;
  }
}

void Shard::publish_counter(std::string_view metric, std::uint64_t value) {
  const config::SysTreeConfig& tree = config().systree;
  std::string topic = "$SYS/" + config().node.name + "/" + std::string(metric);
  std::replace(topic.begin() + static_cast<std::ptrdiff_t>(6 + config().node.name.size()),
               topic.end(), '_', '/');
  const std::string text = std::to_string(value);
  Publication publication;
  publication.view = {topic, {}, as_bytes(text), {0}, tree.qos, tree.retain};
  if (tree.retain) retain(publication, tree.mountpoint);
  route(publication, mountpoint(tree.mountpoint), nullptr);
}

void Shard::publish_histogram(std::string_view metric, const HistogramSum& histogram) {
  const std::string name(metric);
  for (std::size_t decade = 0; decade < histogram_decades; ++decade) {
    publish_counter(name + "_bucket_" + std::to_string(decade_bound(decade)),
                    histogram.count_up_to(decade));
  }
  publish_counter(name + "_bucket_inf", histogram.count());
  publish_counter(name + "_count", histogram.count());
  publish_counter(name + "_sum", histogram.sum);
}

}  // namespace vmq::core
