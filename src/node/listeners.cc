#include "node/listeners.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "base/expect.h"
#include "config/listeners.h"
#include "node/clock.h"

namespace vmq::node {
namespace {

net::ListenerSpec spec_of(const config::ListenerConfig& listener, std::size_t index,
                          std::uint16_t port, int backlog, const config::TcpOptions& options) {
  net::ListenerSpec spec;
  spec.index = static_cast<std::uint32_t>(index);
  spec.address = listener.address;
  spec.port = port;
  spec.is_domain_socket = listener.is_domain_socket;
  spec.connections_max = listener.connections_max;
  spec.backlog = backlog;
  spec.no_delay = options.no_delay;
  spec.keep_alive = options.keep_alive;
  spec.send_timeout = options.send_timeout;
  spec.receive_buffer = options.receive_buffer;
  spec.send_buffer = options.send_buffer;
  if (listener.buffer_sizes) {
    spec.receive_buffer = listener.buffer_sizes->receive;
    spec.send_buffer = listener.buffer_sizes->send;
  }
  return spec;
}

// Whether the shards have its doors.
bool is_of_shards(const config::ListenerConfig& listener) {
  return listener.is_mqtt() || listener.is_link();
}

std::string key_of(const config::ListenerConfig& listener) {
  return "listener." + std::string(config::to_string(listener.kind)) + "." + listener.name;
}

// Returns when every shard has carried out what it was given before. Whoever closes a listener may
// open its port again, or another process may, so what is told as closed must be.
Listeners::Done wait_for_shards(const Listeners::Post& post, std::size_t shards) {
  constexpr std::chrono::seconds patience{10};
  struct Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t missing = 0;
  };
  auto waiting = std::make_shared<Waiting>();  // shared with tasks that may come too late
  waiting->missing = shards;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    post(shard, [waiting](ShardThread&) {
      const std::lock_guard<std::mutex> lock(waiting->mutex);
      if (--waiting->missing == 0) waiting->changed.notify_all();
    });
  }
  std::unique_lock<std::mutex> lock(waiting->mutex);
  if (waiting->changed.wait_for(lock, patience, [&] { return waiting->missing == 0; })) return {};
  return failure("a shard of the node is busy: it closes its part of the listener later");
}

}  // namespace

Listeners::Done Listeners::open(const std::vector<config::ListenerConfig>& listeners) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const config::ListenerConfig& listener : listeners) {
    if (auto done = add_entry(listener); !done) {
      return failure(key_of(listener) + ": " + done.error());
    }
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!is_of_shards(entries_[i].config)) continue;
    if (auto done = open_entry(i); !done) {
      return failure(key_of(entries_[i].config) + ": " + done.error());
    }
  }
  return {};
}

Listeners::Done Listeners::add_entry(const config::ListenerConfig& listener) {
  auto transport =
      net::make_transport(listener, transport_, read_clock().wall.ms / 1000, accepter_);
  if (!transport) return failure(transport.error());
  Entry entry;
  entry.config = listener;
  entry.transport = std::move(*transport);
  entry.address = listener.address;
  entry.port = listener.port;
  entries_.push_back(std::move(entry));
  return {};
}

void Listeners::begin(Post post) {
  const std::lock_guard<std::mutex> lock(mutex_);
  post_ = std::move(post);
  for (Entry& entry : entries_) hand_out(entry);
}

Listeners::Done Listeners::serve(const std::vector<config::ListenerKind>& kinds,
                                 ListenerServer* server) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const config::ListenerKind kind : kinds) servers_[kind] = server;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (is_of_shards(entry.config) || servers_.count(entry.config.kind) == 0) continue;
    if (server == nullptr) {
      if (entry.status == ListenerStatus::Running) entry.status = ListenerStatus::NotServed;
      continue;
    }
    if (entry.status != ListenerStatus::NotServed) continue;
    if (auto done = open_entry(i); !done) {
      return failure(key_of(entry.config) + ": " + done.error());
    }
  }
  return {};
}

Listeners::Done Listeners::open_entry(std::size_t index) {
  Entry& entry = entries_[index];
  if (ListenerServer* server = server_of(entry); server != nullptr) {
    config::ListenerConfig config = entry.config;
    config.port = entry.port;
    auto port = server->open(index, config, entry.transport);
    if (!port) return failure(port.error());
    entry.port = *port;
    entry.status = ListenerStatus::Running;
    return {};
  }
  if (!is_of_shards(entry.config)) return failure("listeners of this kind are not served here");
  auto opened = net::open_listener(
      spec_of(entry.config, index, entry.port, backlog_, transport_.tcp), shards_);
  if (!opened) return failure(opened.error());
  // Connections of before a suspension count on.
  if (entry.shared == nullptr) {
    entry.shared = std::move(opened->shared);
    entry.shared->transport = entry.transport;
  }
  for (net::ListenerSocket& socket : opened->sockets) socket.shared = entry.shared.get();
  entry.doors = std::move(opened->sockets);
  if (!entry.config.is_domain_socket) entry.port = net::port_of(opened->address);
  entry.status = ListenerStatus::Running;
  return {};
}

void Listeners::hand_out(Entry& entry) {
  if (!post_) return;
  for (std::size_t shard = 0; shard < entry.doors.size(); ++shard) {
    // A task is copied.
    auto door = std::make_shared<net::ListenerSocket>(std::move(entry.doors[shard]));
    post_(shard, [door](ShardThread& thread) { thread.listen(std::move(*door)); });
  }
  entry.doors.clear();
}

// Sockets are closed rather than left alone: a client that comes must be refused, not kept waiting.
void Listeners::close_entry(std::size_t index) {
  Entry& entry = entries_[index];
  if (entry.status != ListenerStatus::Running) return;
  entry.status = ListenerStatus::Suspended;
  if (ListenerServer* server = server_of(entry); server != nullptr) {
    server->close(index, false);
    return;
  }
  entry.doors.clear();
  if (entry.config.is_domain_socket) ::unlink(entry.config.address.c_str());
  if (!post_) return;
  for (std::size_t shard = 0; shard < shards_; ++shard) {
    post_(shard,
          [shared = entry.shared.get()](ShardThread& thread) { thread.stop_listening(*shared); });
  }
}

Listeners::Entry* Listeners::find(std::size_t index) {
  if (index >= entries_.size() || entries_[index].status == ListenerStatus::Deleted) return nullptr;
  return &entries_[index];
}

ListenerServer* Listeners::server_of(const Entry& entry) const {
  const auto found = servers_.find(entry.config.kind);
  return found == servers_.end() ? nullptr : found->second;
}

Listeners::Done Listeners::suspend(std::size_t index) {
  std::unique_lock<std::mutex> lock(mutex_);
  Entry* entry = find(index);
  if (entry == nullptr) return failure("there is no such listener");
  const bool has_doors = entry->status == ListenerStatus::Running && is_of_shards(entry->config);
  close_entry(index);
  const Post post = has_doors ? post_ : Post();
  lock.unlock();
  return post ? wait_for_shards(post, shards_) : Done();
}

Listeners::Done Listeners::resume(std::size_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Entry* entry = find(index);
  if (entry == nullptr) return failure("there is no such listener");
  if (entry->status == ListenerStatus::Running) return {};
  if (auto done = open_entry(index); !done) return done;
  hand_out(*entry);
  return {};
}

Listeners::Done Listeners::remove(std::size_t index) {
  std::unique_lock<std::mutex> lock(mutex_);
  Entry* entry = find(index);
  if (entry == nullptr) return failure("there is no such listener");
  const bool has_doors = entry->status == ListenerStatus::Running && is_of_shards(entry->config);
  close_entry(index);
  entry->status = ListenerStatus::Deleted;
  const Post post = has_doors ? post_ : Post();
  lock.unlock();
  return post ? wait_for_shards(post, shards_) : Done();
}

Result<std::size_t, std::string> Listeners::prepare(const config::ListenerConfig& listener) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t index = entries_.size();
  if (auto done = add_entry(listener); !done) return failure(done.error());
  if (server_of(entries_.back()) != nullptr) return index;  // opened by admit()
  if (auto done = open_entry(index); !done) {
    entries_.pop_back();
    return failure(done.error());
  }
  return index;
}

Listeners::Done Listeners::admit(std::size_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  VMQ_EXPECT(index < entries_.size());
  if (entries_[index].status == ListenerStatus::NotServed) {
    if (auto done = open_entry(index); !done) {
      entries_[index].status = ListenerStatus::Deleted;
      return done;
    }
  }
  hand_out(entries_[index]);
  return {};
}

void Listeners::kill_served(std::size_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Entry* entry = find(index);
  ListenerServer* server = entry == nullptr ? nullptr : server_of(*entry);
  if (server != nullptr) server->close(index, true);
}

std::vector<Listeners::TlsEvent> Listeners::refresh_tls(net::TlsSource::When when, Instant now,
                                                        std::int64_t now_s) {
  using What = TlsEvent::What;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<TlsEvent> events;
  for (Entry& entry : entries_) {
    const bool has_tls = entry.transport != nullptr && entry.transport->tls != nullptr;
    if (!has_tls || entry.status == ListenerStatus::Deleted) continue;
    net::TlsSource& source = *entry.transport->tls;
    const std::string key = key_of(entry.config);
    const net::TlsSource::Refreshed refreshed = source.refresh(when, now, now_s);
    if (refreshed.outcome == net::TlsSource::Outcome::Failed) {
      events.push_back({What::Failed, key, refreshed.error});
    }
    if (refreshed.outcome == net::TlsSource::Outcome::Loaded) {
      events.push_back({What::Loaded, key, {}});
    }
    std::shared_ptr<const net::TlsContext> context = source.current();
    if (context == entry.told) continue;
    for (const std::string& note : context->notes()) events.push_back({What::Note, key, note});
    entry.told = std::move(context);
  }
  return events;
}

std::vector<ListenerView> Listeners::views() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<ListenerView> views;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.status == ListenerStatus::Deleted) continue;
    ListenerView view{i, entry.config, entry.status, entry.address, entry.port, 0};
    if (entry.shared != nullptr) {
      view.connections = entry.shared->connections.load(std::memory_order_relaxed);
    } else if (const ListenerServer* server = server_of(entry); server != nullptr) {
      view.connections = server->connections(i);
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<BoundListener> Listeners::bound() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<BoundListener> bound;
  for (const Entry& entry : entries_) {
    if (!entry.config.is_mqtt() || entry.status != ListenerStatus::Running) continue;
    std::string address = entry.address;
    if (!entry.config.is_domain_socket) {
      const bool is_bare_v6 = address.find(':') != std::string::npos && address.front() != '[';
      if (is_bare_v6) address = "[" + address + "]";
      address += ":" + std::to_string(entry.port);
    }
    bound.push_back({entry.config.name, std::move(address)});
  }
  return bound;
}

}  // namespace vmq::node
