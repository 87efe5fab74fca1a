// The inside of ShardCore: its state, and one declaration for each thing that can happen. The
// bodies stand in files named after it; start reading at on_publish.cc.
// tidy: long because the state of a shard and all that can happen to it belong side by side.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/hash.h"
#include "base/rng.h"
#include "base/timer_heap.h"
#include "config/config.h"
#include "core/claim_state.h"
#include "core/client_table.h"
#include "core/connect_rate.h"
#include "core/counters.h"
#include "core/effects.h"
#include "core/evacuation.h"
#include "core/hooks.h"
#include "core/journal.h"
#include "core/limits.h"
#include "core/link_frame.h"
#include "core/node_shared.h"
#include "core/on_command.h"
#include "core/publication.h"
#include "core/recovered.h"
#include "core/shard_core.h"
#include "core/shard_parts.h"
#include "core/state.h"
#include "core/stream_frame.h"
#include "core/streams.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"
#include "topic/function_view.h"
#include "topic/retained_index.h"
#include "topic/subscription_index.h"
#include "topic/validate.h"

namespace vmq::core {

struct ShardSetup {
  NodeShared& shared;
  std::uint8_t shard = 0;
  Limits limits;
  HookChain hooks;
  Rng rng;
  Now now;
  std::uint64_t first_ticket = 1;  // recovery may have used the ones before
  // By listener, where listeners have chains of their own; else `hooks` is the chain of all.
  std::vector<HookChain> listener_hooks = {};
};

// New settings and the chains that follow from them. Listeners are only ever added: one that is
// deleted keeps its place.
struct ConfigChange {
  ConfigSnapshot config;
  HookChain hooks;
  std::vector<HookChain> listener_hooks = {};
};

class Tracer;
struct TraceOrder;

class Shard {
 public:
  Shard(const ShardSetup& setup, RecoveredShard recovered);
  ~Shard();

  // --- turn (shard_core.cc) ---
  void begin_turn(Now now);
  void end_turn(Effects& out);
  bool turn_is_full() const;
  std::optional<Instant> next_deadline() const;
  void release_turn_memory();
  std::uint64_t turn_ticket() const { return ticket_; }
  session::PiecesPool& pieces() { return pieces_; }
  session::TurnArena& arena() { return arena_; }

  // --- connections (connections.cc) ---
  ConnId accept(ConnInfo info);
  Taken on_bytes(ConnId id, ByteView bytes);
  void on_closed(ConnId id, CloseCause cause);
  Connection* find(ConnId id);
  ConnId id_of(const Connection& conn, std::uint32_t slot) const;
  Gauge active_gauge_of(const Connection& conn) const;
  void forget(std::uint32_t slot);
  void forget_silently(std::uint32_t slot);
  // Ends a connection: v5 clients are told why. The session learns of it at once.
  void disconnect(std::uint32_t slot, mqtt::ReasonCode reason, std::string_view text = {});
  // Ends a connection without a word.
  void drop(std::uint32_t slot, CloseHow how);
  void touch(std::uint32_t slot);
  void resume(std::uint32_t slot);
  // Judges a packet by its head, before anything of it is buffered.
  bool must_wait(const Connection& conn) const;
  bool is_size_allowed(Connection& conn, std::uint32_t slot, const mqtt::FrameHead& head);

  // --- one file a packet ---
  Taken on_connect(std::uint32_t slot, const mqtt::FrameHead& head, ByteView body);
  bool hand_over_to_home(std::uint32_t slot, std::string_view client_id);
  static std::optional<std::string_view> user_name_of(const Connection& conn,
                                                      const mqtt::ConnectView& connect);
  void refuse_connect(std::uint32_t slot, mqtt::ReasonCode reason, bool answered,
                      std::string_view text);
  std::optional<mqtt::ReasonCode> check_connect(const Connection& conn,
                                                const mqtt::ConnectView& connect);
  Answer admit(std::uint32_t slot, const mqtt::ConnectView& connect);
  void complete_connect(std::uint32_t slot, const mqtt::ConnectView& connect,
                        std::string_view auth_user);
  void take_over(Session& session, bool clean_start);
  void adopt(std::uint32_t slot, Session& session, const mqtt::ConnectView& connect,
             std::optional<std::string_view> user);
  void answer_connect(std::uint32_t slot, const Session& session, const mqtt::ConnectView& connect,
                      bool session_present);
  void begin_authentication(std::uint32_t slot, const mqtt::FrameHead& head, ByteView body,
                            const mqtt::ConnectView& connect);
  // False: not now; the packet stays with the shell and the connection is resumed later.
  bool on_publish(std::uint32_t slot, const mqtt::FrameHead& head, ByteView body);
  void use_received_packet(Publication& publication, const mqtt::PublishView& packet,
                           const mqtt::FrameHead& head, ByteView body, bool v5);
  void accept_publish(std::uint32_t slot, const mqtt::PublishView& packet,
                      const mqtt::FrameHead& head, ByteView body);
  bool resolve_alias(std::uint32_t slot, mqtt::PublishView& packet);
  bool check_publish(std::uint32_t slot, const mqtt::PublishView& packet);
  bool is_publish_allowed(Session& session, std::string_view topic);
  void refuse_publish(std::uint32_t slot, const mqtt::PublishView& packet, mqtt::ReasonCode reason);
  session::MessageView view_of(const mqtt::PublishView& packet) const;
  bool has_inbound(const Session& session, std::uint16_t packet_id) const;
  void take_inbound(Session& session, std::uint16_t packet_id);
  void repeat_pubrec(std::uint32_t slot, std::uint16_t packet_id);
  void on_puback(std::uint32_t slot, const mqtt::AckFields& ack);
  void on_pubrec(std::uint32_t slot, const mqtt::AckFields& ack);
  void on_pubrel(std::uint32_t slot, const mqtt::AckFields& ack);
  void on_pubcomp(std::uint32_t slot, const mqtt::AckFields& ack);
  void on_subscribe(std::uint32_t slot, const mqtt::SubscribeView& packet);
  bool is_subscribe_allowed(Session& session, const mqtt::SubscribeView& packet);
  void on_unsubscribe(std::uint32_t slot, const mqtt::UnsubscribeView& packet);
  void on_disconnect(std::uint32_t slot, const mqtt::DisconnectView& packet);
  void on_auth(std::uint32_t slot, const mqtt::AuthView& packet);
  void on_pingreq(std::uint32_t slot);
  void continue_authentication(std::uint32_t slot, const AuthStep& step);
  void send_auth(std::uint32_t slot, mqtt::ReasonCode reason, std::string_view data);
  void on_verdict(AskId ask, Verdict verdict);

  // --- messages over HTTP (on_http_publish.cc) ---
  struct HttpAsking {
    HttpPublish publish;
    std::size_t plugin = 0;  // that is asked
  };
  void on_http_publish(HttpPublish publish);
  void authenticate_http(HttpAsking asking);
  void on_http_verdict(AskId ask, Verdict verdict);
  void publish_http(const HttpPublish& publish);
  void answer_http(std::uint64_t id, HttpOutcome outcome);

  // --- routing and delivery (route.cc, deliver.cc) ---
  // Finds the receivers of `publication` and delivers to each. Returns how many there were.
  // `publisher`: for no local.
  std::size_t route(Publication& publication, const std::string* mountpoint,
                    const Session* publisher);
  void name_message(Publication& publication);
  void find_route(std::string_view topic, const std::string* mountpoint, const Session* publisher,
                  Route& route);
  void choose_members(Route& route);
  void group_by_shard(Route& route);
  void deliver_route(Publication& publication, const Route& route);
  enum class Choice : std::uint8_t { ByPolicy, Local, Elsewhere };
  std::optional<topic::Subscriber> choose_member(std::span<const topic::Subscriber> members,
                                                 Choice choice, topic::SessionHandle except);
  static void note_member(topic::Subscriber subscriber, Route& route);
  void deliver_run(Publication& publication, std::span<const Target> targets);
  void deliver(Publication& publication, std::span<const Target> same_session);
  void deliver_qos0(Publication& publication, Session& session, bool retain,
                    std::span<const std::uint32_t> ids);
  bool may_queue_qos0(Connection& conn);
  // [MQTT-3.1.2-24]: counted as dropped.
  bool is_too_large(const Connection& conn, std::size_t packet_size);
  // Counts a message that a session does not get.
  void count_lost(Session& session, Plain why);
  void encode_packet(const mqtt::PublishHeader& header, Publication& publication,
                     Publication::Packet& packet);
  void send_packet(std::uint32_t slot, Publication& publication, const Publication::Packet& packet);
  void use_alias(Connection& conn, mqtt::PublishHeader& header);
  void enqueue(Publication& publication, Session& session, session::QueueEntry entry);
  bool make_room(Session& session);
  bool drop_oldest(Session& session);
  bool drop_in_window(Session& session);
  void wait_for_disk(Session& session, std::uint64_t ticket);
  bool may_be_sent(const Session& session, std::size_t index) const;
  void expire_entry(Session& session, std::size_t index);
  bool send_entry(std::uint32_t slot, const session::QueueEntry& entry, std::uint16_t packet_id,
                  bool dup);
  void note_sent(Session& session);
  // Sends what the session owes and its client can take.
  void pump(Session& session);
  void pump_queue(Session& session);
  // The whole of the client's outbox was written.
  void on_drained(ConnId id);
  // A message that came through a share subscription and was not delivered goes to another member.
  void reroute_share(std::uint32_t share, const session::MessageView& message, const Session& from);
  // Stores or clears the retained message of the topic.
  void retain(Publication& publication, std::string_view mountpoint);
  void retain_from_member(const Publication& publication, std::string_view mountpoint);
  void send_retained(Session& session, const topic::ParsedFilter& filter,
                     const mqtt::SubscribeOptions& options, std::uint32_t identifier);
  enum class Replay : std::uint8_t {
    Done,
    GoOn,  // in the next turn
    Wait,  // until the client has read or answered more
  };
  Replay continue_retained(Session& session, RetainedJob& job);
  Replay continue_retained(Connection& conn);
  void continue_retained_jobs();
  bool is_retained_held_up(const Session& session) const;
  void note_retained_ready(ConnId id);
  void wake_retained(const Session& session);
  std::size_t retained_waiting_max() const;
  void sweep_retained();
  bool expire_some_retained(std::size_t topics_max, std::size_t& expired);
  mqtt::ReasonCode subscribe(Session& session, const mqtt::SubscriptionView& subscription,
                             const topic::ParsedFilter& filter, std::uint32_t identifier,
                             bool& is_new);
  bool unsubscribe(Session& session, const topic::ParsedFilter& filter);
  void note_changed_page(std::size_t index);
  std::vector<Subscription>::iterator find_subscription(Session& session, topic::FilterId filter);

  // --- back-pressure (slow_down.cc) ---
  void slow_publisher(Session& session);
  void release_publishers(Session& session);
  void lose_patience(Session& session);
  void send_slow(const Publisher& publisher, bool slow);
  void on_slow(ConnId id, bool slow);
  // max_message_rate: false when the client has published enough in this second.
  bool may_publish_now(std::uint32_t slot);
  bool waits_for_us(const Connection& conn) const;
  std::size_t counted_waiting(const Session& session) const;
  bool is_long(std::size_t waiting) const;
  bool is_short(std::size_t waiting) const;

  // --- other members of the cluster (on_members.cc) ---
  void on_members(const cluster::Members& members);
  bool is_member_up(cluster::MemberNumber number) const;
  void list_unlinked(std::vector<LinkInfo>& out) const;
  void restore_streams(RecoveredShard& recovered);
  void restore_out_stream(const RecoveredSession& recovered, Session& session);
  std::uint64_t next_stamp();
  void reserve_stamps();
  void begin_retained_sync(OutStream& stream);
  void continue_retained_sync(OutStream& stream);
  bool may_send_retained(const OutStream& stream) const;
  // to them (out_stream.cc)
  OutStream* out_stream(cluster::MemberNumber member);
  OutStream& stream_of(const Session& session);
  OutStream& make_out_stream(cluster::MemberNumber member, std::uint8_t shard);
  void create_stream_session(OutStream& stream);
  void end_stream_session(Session& session);
  void drop_out_stream(OutStream& stream);
  void note_run(OutStream& stream);
  void send_frames(OutStream& stream, ByteView frames);
  std::size_t deliver_members(Publication& publication, const Route& route);
  // What becomes of a message until the member has it: it is sent now or never; its publisher is
  // answered after the member has confirmed, and the disk gets it only if that takes long; or it
  // is on our disk before the publisher is answered.
  enum class Keep : std::uint8_t { Never, UntilAnswered, OnDisk };
  Keep how_kept(const Publication& publication, bool is_durable);
  void deliver_member(Publication& publication, OutStream& stream, bool is_matched, Keep keep,
                      const ShareText& share);
  void deliver_to_share(Publication& publication, const Target& target);
  bool has_unsent(const OutStream& stream) const;
  bool may_send_unnumbered(OutStream& stream, std::size_t size);
  void send_now(OutStream& stream, const StreamBody& body, Publication::Remote& remote);
  void enqueue_remote(OutStream& stream, Publication::Remote& remote, std::uint8_t qos);
  // what is in memory only (unkept.cc)
  bool may_wait_unkept(const OutStream& stream);
  void enqueue_unkept(OutStream& stream, const session::MessageRef& body, std::uint8_t qos);
  void keep_all(OutStream& stream);
  void on_unkept_timer(OutStream& stream);
  bool has_answered(const Awaited& awaited);
  void release_awaited();
  void pump_stream(Session& session);
  void write_publish(std::uint32_t slot, std::uint64_t number, const session::MessageRef& body);
  void finish_confirmed(OutStream& stream);
  void on_stream_answer(std::uint32_t slot, const StreamFrame& frame);
  void open_stream(OutStream& stream, std::uint64_t applied);
  void begin_out_stream(std::uint32_t slot, OutStream& stream);
  void end_out_stream(OutStream& stream);
  // from them (in_stream.cc)
  InStream& in_stream(cluster::MemberNumber member, std::uint8_t shard);
  InStream* find_in_stream(ConnId conn);
  bool begin_link(std::uint32_t slot, const LinkInfo& link);
  void end_link(std::uint32_t slot);
  void refuse_stream(std::uint32_t slot, std::string_view reason);
  Taken on_stream_bytes(std::uint32_t slot, ByteView bytes);
  void on_stream_frame(std::uint32_t slot, const StreamFrame& frame);
  void on_stream_open(InStream& stream, const StreamNumbers& numbers);
  void on_stream_publish(std::uint32_t slot, InStream& stream, ByteView fields);
  void apply_publish(const InStream& stream, const StreamBody& body, bool is_numbered);
  void deliver_share(Publication& publication, const std::string* world, const ShareText& share);
  void on_stream_slow(InStream& stream, bool slow, const StreamNumbers& numbers);
  void tell_publisher(std::uint64_t shard, std::uint64_t conn, bool slow);
  void end_in_stream(InStream& stream);
  void take_interest(InStream& stream, const InterestFrame& frame);
  InterestLevel enter_interest(InStream& stream, const InterestFrame& frame);
  void write_interest(InStream& stream, const InterestFrame& frame, bool durable);
  void forget_interest(InStream& stream, topic::FilterId filter, InterestLevel level);
  void drop_unnamed_interest(InStream& stream);
  void drop_in_stream(InStream& stream);
  bool is_answering_late(std::uint32_t slot);
  void answer_stream(InStream& stream, StreamKind kind, std::uint64_t number, std::uint64_t ticket);
  void note_streams_applied();
  void send_answers(InStream& stream);
  // where sessions live (on_owner.cc)
  std::optional<Taken> find_owner(std::uint32_t slot, const mqtt::ConnectView& connect);
  void ask_owner(const Session& session);
  bool is_owner_open(const Session& session) const;
  void on_owner(AskId ask, const Owner& owner);
  void on_claimed(std::string_view mountpoint, std::string_view client_id, const Owner& owner);
  void on_owner_recorded(std::uint64_t tag, bool is_known);
  void release_owner(Session& session);
  // sessions whose owner is gone go on here (claims.cc)
  void take_claimed_will(Session& session, const RecoveredSession& record);
  void settle_here(Session& session, const Owner& owner);
  void join_claim(Session& session, const Owner& owner);
  void ask_sources();
  void ask_again(OutStream& stream);
  void on_stream_where(std::uint32_t slot, std::uint64_t claim);
  void answer_where(ConnId conn, std::uint8_t shard, std::uint64_t claim, std::uint64_t stamp);
  void on_here(cluster::MemberNumber member, std::uint8_t shard, std::uint64_t number,
               std::uint64_t stamp);
  bool is_joined(const Claim& claim) const;
  void check_joined(Claim& claim);
  StreamBody word_to_earlier(const Session& session, ClientWord kind) const;
  bool comes_through_earlier_owner(const Session& session, const session::Origin& origin);
  void leave_claim(Session& session);
  void review_claims();
  void save_claim(std::uint64_t number, const Claim& claim);
  static bool has_claim(const Session& session);
  void restore_claims(const RecoveredShard& recovered);
  // what the client was in the middle of: from it (doubts.cc)
  bool may_be_earlier(const Session& session, std::uint16_t packet_id) const;
  void take_doubtful(std::uint32_t slot, const mqtt::PublishView& packet);
  void raise_doubt(Session& session, std::uint16_t packet_id, session::MessageRef message);
  void keep_doubt(std::uint64_t number, Doubt doubt, Session* session);
  void ask_doubt(Doubt doubt, std::uint64_t number);
  void on_doubt(cluster::MemberNumber member, const StreamBody& word);
  void settle_doubt(std::uint64_t number, bool is_known);
  void publish_late(const session::MessageView& view, const std::string* world,
                    std::uint64_t taken);
  Session* doubted_session(const Doubt& doubt);
  void review_doubts(bool has_any_left);
  void send_inbound(const Session& session);
  void take_earlier_inbound(const StreamBody& word);
  void restore_doubts(const RecoveredShard& recovered);
  // and to it (repeats.cc)
  std::uint16_t take_begun_id(Session& session, const session::QueueEntry& entry);
  bool relay_repeats(Session& session, std::size_t& left);
  void take_delivery(Session& session, const StreamBody& word);
  bool is_in_use(const Session& session, std::uint16_t packet_id) const;
  void keep_repeat(Session& session, const StreamBody& word);
  void save_repeat(const Session& session, const Repeat& repeat);
  static Repeat* find_repeat(const Session& session, std::uint16_t packet_id);
  void finish_repeat(Session& session, const Repeat& repeat);
  static std::size_t open_repeats(const Session& session);
  static bool is_window_full(const Session& session, const Connection& conn);
  bool pump_repeats(Session& session, std::uint32_t slot);
  void release_repeat(Session& session, Repeat& repeat);
  void on_repeat_pubrec(std::uint32_t slot, Repeat& repeat, const mqtt::AckFields& ack);
  void restart_deliveries(Session& session);
  void erase_repeats(Session& session);
  // and their earlier owner passes on what it has (relay.cc)
  void move_away(Session& session, const Owner& owner);
  static cluster::OwnerStep next_owner(const Session& session, const Owner& owner);
  void erase_record(Session& session);
  void forget_moved(const Session& session);
  Session* find_moved(const StreamBody& word, bool by_destination);
  void redirect_moved(std::string_view mountpoint_text, std::string_view client_id,
                      const Owner& owner);
  bool is_destination(cluster::MemberNumber member) const;
  void note_relay(Session& session);
  void continue_relays();
  bool has_room(cluster::MemberNumber to);
  bool relay(Session& session, std::size_t& left);
  void send_entry_word(const Session& session, const session::QueueEntry& entry,
                       std::uint16_t begun_as, bool is_over);
  StreamBody word_to_owner(const Session& session, ClientWord kind) const;
  void end_moved(Session& session);
  void send_word(cluster::MemberNumber member, const StreamBody& word);
  void take_word(cluster::MemberNumber member, const StreamBody& word, ByteView body);
  void on_word(cluster::MemberNumber member, const StreamBody& word);
  void take_entry(Session& session, const StreamBody& word);
  Session* find_claimed(const StreamBody& word);
  void send_back(cluster::MemberNumber member, const StreamBody& word, ClientWord answer);
  void lose_owner(Session& session);
  Session* find_moved_beyond(const StreamBody& word);
  void on_bounced(const StreamBody& word);
  void append_entry(Session& session, const StreamBody& word);
  static bool is_obsolete(const Session& session, std::uint64_t birth);
  Session* moved_by(cluster::MemberNumber member, const StreamBody& word);
  void on_claimer_word(cluster::MemberNumber member, const StreamBody& word);
  void await_flush(Session& session);
  void begin_flush();
  void ask_flush(OutStream& stream);
  void on_flushed(std::uint32_t source, std::uint64_t number);
  void check_flush();
  void on_stream_flush(std::uint32_t slot, cluster::MemberNumber member, std::uint64_t number);
  void owe_flush(std::uint8_t shard, ConnId conn, cluster::MemberNumber member,
                 std::uint64_t number);
  void answer_flushes();
  void answer_flush(ConnId conn, std::uint8_t shard, std::uint64_t number);
  void review_moved();
  // what the cluster is told of them (owner_records.cc)
  void note_record(Session& session);
  void tell_records();
  void tell_record(Session& session);
  std::string owner_record(const Session& session);
  bool is_record_known(const Session& session) const;
  void begin_informing();
  bool has_heard_all() const;
  void check_informed();
  void note_informed(std::uint8_t shard);
  bool is_node_informed() const;
  void release_uninformed();
  void begin_registration(bool is_in_doubt);
  void register_sessions();
  // clients whose session lives elsewhere (tunnel.cc)
  void begin_tunnel(std::uint32_t slot, const LinkInfo& link);
  void end_tunnel(Connection& conn, CloseHow how);
  void on_tunnel_failed(ConnId client);
  Taken on_tunnel_bytes(std::uint32_t slot, ByteView bytes);
  Taken on_preface(std::uint32_t slot, ByteView bytes);
  // what our sessions want (interest.cc)
  void count_interest(const Session& session, const Subscription& subscription, int by);
  void count_interest(const Session& session, const Subscription& subscription, bool durable,
                      bool online, int by);
  void note_interest(topic::FilterId filter, const InterestCount& counts);
  void recount_interest(Session& session);
  void begin_interest();
  void end_interest();
  void begin_snapshot(OutStream& stream);
  void continue_snapshot(OutStream& stream);
  void send_interest();
  bool is_sending_interest() const;
  bool is_interest_known(std::uint64_t version) const;
  bool is_known_elsewhere(std::uint64_t version, const Session& session) const;
  bool is_claim_known(const Session& session) const;
  bool may_answer_subscribe(const Session& session) const;
  void release_subacks();

  // --- other shards (on_peer.cc) ---
  void forward(Publication& publication, std::uint8_t shard, std::span<const Target> targets);
  void on_peer(std::uint8_t from, ByteView frames);
  bool take_number(std::uint8_t from, std::uint64_t number);
  void on_client_frame(std::uint8_t from, const ClientFrame& frame);
  void on_frame(std::uint8_t from, const PublishFrame& frame);
  void deliver_again(Publication& publication, ByteView names);
  struct KnownShare {
    std::uint32_t share = 0;
    std::uint64_t generation = 0;
    std::string group;
    std::string filter;
  };
  const KnownShare& share_name(std::uint32_t share, std::uint64_t generation);
  void on_confirm(std::uint8_t from, std::uint64_t number);
  void save_links();
  void note_applied();
  void confirm_durable();
  // Sends frames of an earlier run again; `turn` is the journal turn that holds them now.
  void resend_owed(std::vector<RecoveredFrame> frames, std::uint64_t turn);

  // --- sessions (sessions.cc) ---
  std::uint32_t find_session(std::string_view mountpoint, std::string_view client_id) const;
  Session& create_session(std::string_view mountpoint, std::string_view client_id);
  Session& add_session(std::string_view mountpoint, std::string_view client_id);
  // Ends a session for good: subscriptions, queue and records go.
  void end_session(Session& session);
  void drop_subscriptions(Session& session);
  // The connection is gone. `will`: fire it (at once or after its delay).
  void go_offline(Session& session, bool will);
  bool is_will_held(const Session& session) const;
  void publish_will(Session& session);
  void give_back_shares(Session& session);
  void release_memory(Session& session);
  std::optional<Duration> lifetime_of(const Session& session) const;
  void arm(Session& session);
  // True: the session is gone.
  bool meet_deadlines(Session& session);
  void restore(RecoveredSession& recovered);
  void subscribe_recorded(Session& session, const RecoveredSession::Subscription& known);
  void restore_roaming(const RecoveredSession& recovered, Session& session);
  std::uint64_t name_hash(std::string_view mountpoint, std::string_view client_id) const;
  std::uint8_t home_of(std::string_view mountpoint, std::string_view client_id) const;
  const std::string* mountpoint(std::string_view text);
  topic::Subscriber subscriber_of(const Session& session, const Subscription& subscription) const;
  // Renews the durable and online marks of the session's entries in the index.
  void update_subscribers(Session& session);

  // --- the disk (durable_queue.cc, session_record.cc, on_stored.cc) ---
  void make_durable(Session& session);
  void erase_durable(Session& session);
  struct Orphan {
    std::uint64_t begin = 0;  // entries [begin, end) are on disk only
    std::uint64_t end = 0;
    Ring<std::uint64_t> blocks;
    std::vector<DurableState::Settled> settled;
  };
  void ask_orphans(SessionNumber number);
  void on_orphans_loaded(SessionNumber number, const store::LoadAnswer& answer);
  void erase_passed_blocks(Session& session);
  void write_state(Session& session);
  void shorten_window(Session& session);
  void on_block_loaded(Session& session, const PendingLoad& load, const store::Rows& rows);
  void on_messages_loaded(Session& session, const store::Rows& rows);
  void save_session(const Session& session);
  void save_subscriptions(const Session& session);
  void save_page(const Session& session, std::uint32_t page);
  std::vector<RecoveredSession::Subscription> subscriptions_of(const Session& session,
                                                               std::uint32_t page);
  void mark_unsettled(Session& session);
  void settle(Session& session);
  void settle_some();
  void refill(Session& session);
  void request_messages(Session& session);
  bool recall(Session& session, session::QueueEntry& entry);
  void on_loaded(const store::LoadAnswer& answer);
  void finish_entry(Session& session, std::size_t index);
  void on_stored(std::uint64_t ticket);
  void release_held();
  void on_store_health(bool writable, bool congested);
  void on_memory(bool is_short);
  void on_load(bool is_overloaded);
  void on_lease(bool is_held);

  // --- timers (timers.cc) ---
  enum class TimerKind : std::uint8_t {
    Connect,
    KeepAlive,
    Lifetime,
    Retry,
    Rate,
    SessionDue,  // its will or its end
    Reload,
    Patience,
    Sys,
    RetainedSweep,
    Rearm,     // sessions from `slot` on
    Interest,  // a SUBACK has waited long enough
    Evacuate,
    Leave,
    Unkept  // a stream's session: what waits for the member in memory only
  };
  struct Timer {
    TimerKind kind = TimerKind::Sys;
    std::uint32_t slot = 0;
    // Of the connection; of a session its created_generation; of Sys, Rearm, Evacuate and Leave the
    // round.
    std::uint64_t incarnation = 0;
  };
  void on_timer();
  void on_connection_timer(const Timer& timer);
  void on_session_timer(const Timer& timer);
  void sweep_timers();
  void retry(Session& session);
  void publish_sys(const Timer& timer);
  void publish_counter(std::string_view metric, std::uint64_t value);
  void publish_histogram(std::string_view metric, const HistogramSum& histogram);

  // --- new settings (on_config.cc) ---
  void on_config(ConfigChange change);
  void begin_sys_rounds();
  void rearm_sessions(const Timer& timer);

  // --- moving clients elsewhere (evacuate.cc) ---
  void on_evacuation(std::optional<Evacuation> evacuation);
  void evacuate_some(const Timer& timer);
  bool is_evacuee(const Connection& conn) const;
  std::string_view reference_for(mqtt::ReasonCode reason) const;

  // --- handing over all that is here (leaving.cc) ---
  bool is_leaving() const;
  void review_leaving();
  void on_leaving(bool is_about_to);
  void send_all_away();
  void go_on_leaving(const Timer& timer);
  LeaveStatus leave_status() const;
  void on_shutdown();
  bool has_handed_over() const;
  bool is_will_shared(const Session& session) const;
  void part_with_will(Session& session);
  void settle_will(Session& session, bool is_ours);

  // --- an operator (on_command.cc) ---
  // Ends the connections that came through a listener, from slot `from` on and at most so many.
  // Returns where to go on; no_slot: there are no more.
  std::uint32_t disconnect_listener(std::uint16_t listener, std::uint32_t from,
                                    std::uint32_t connections_max);
  // Shows the sessions in at most so many places from `from` on; a visitor that returns false is
  // shown that session again by the next slice. Returns where to go on.
  using SessionVisitor = topic::FunctionView<bool(const SessionFacts&)>;
  std::uint32_t scan_sessions(std::uint32_t from, std::uint32_t places_max,
                              SessionVisitor visit) const;
  using SubscriptionVisitor = topic::FunctionView<void(const SubscriptionFacts&)>;
  std::uint32_t scan_subscriptions(SessionRef ref, std::uint32_t from,
                                   std::uint32_t subscriptions_max,
                                   SubscriptionVisitor visit) const;
  WaitingMessages waiting_messages(SessionRef ref, std::size_t messages_max) const;
  std::optional<SessionFacts> look_up(std::string_view mountpoint,
                                      std::string_view client_id) const;
  std::optional<SessionFacts> look_up(topic::SessionHandle handle) const;
  const Session* find(SessionRef ref) const;
  SessionFacts facts_of(const Session& session) const;
  // These four: false, or nothing, where this shard has no such session.
  bool disconnect_client(std::string_view mountpoint, std::string_view client_id, Cleanup cleanup);
  bool unsubscribe_client(std::string_view mountpoint, std::string_view client_id,
                          std::string_view filter);
  // Asks the rules about the subscriptions before place `from`, as if the client had that user
  // name, and removes what they refuse.
  std::optional<Reauthorized> reauthorize(std::string_view mountpoint, std::string_view client_id,
                                          std::string_view user, std::uint32_t from,
                                          std::uint32_t questions_max);
  struct MayDo {
    bool publish = false;
    bool subscribe = false;
  };
  std::optional<MayDo> ask_rules(std::string_view mountpoint, std::string_view client_id,
                                 std::string_view topic);
  void delete_retained(std::string_view mountpoint, std::string_view topic);
  // The next part of a sweep. Returns how many messages went.
  std::size_t expire_retained(std::size_t topics_max, bool& is_done);
  // Who would get a message of this topic, apart from the members of share groups.
  std::vector<topic::Subscriber> who_gets(std::string_view mountpoint, std::string_view topic,
                                          std::vector<RouteGroup>& groups);

  // --- traces (on_trace.cc) ---
  // Shows what the client reads and writes from now on, whether it is connected or not.
  void begin_trace(const TraceOrder& order);
  void end_trace(std::uint64_t id);
  void drop_idle_tracer();
  void flush_traces();
  void watch_connect(std::uint32_t slot, std::string_view client_id, ByteView packet);
  // These: of a connection that is traced.
  void trace_received(std::uint32_t slot, ByteView packet);
  void trace_sent(std::uint32_t slot, const std::uint8_t* bytes, std::size_t size,
                  session::MessageRef payload);
  void trace_payload(const session::MessageRef& message);
  void trace_line(std::uint32_t slot, std::string text);
  void trace_register(std::uint32_t slot, std::optional<std::string_view> user, Answer answer);
  void trace_hook(std::uint32_t slot, std::string_view hook, bool is_allowed);
  template <typename Note>
  void with_tracer(std::uint32_t slot, Note note);

  // --- packets to clients (send.cc) ---
  void send_ack(std::uint32_t slot, mqtt::PacketType type, std::uint16_t packet_id,
                mqtt::ReasonCode reason, When when);
  void send_bytes(std::uint32_t slot, ByteView bytes, When when);
  void wait_for_interest(std::uint32_t slot, std::vector<std::uint8_t> suback, When when);
  void send_suback(std::uint32_t slot, mqtt::PacketType type, std::uint16_t packet_id,
                   std::span<const std::uint8_t> codes, When when);
  void send_connack(std::uint32_t slot, const mqtt::ConnackFields& fields);
  void send_disconnect(std::uint32_t slot, mqtt::ReasonCode reason, std::string_view text);
  std::uint8_t* reserve(std::uint32_t slot, std::size_t size);

  HookClient hook_client(Session& session) const;
  const HookChain& hooks_of(const Connection& conn) const {
    return conn.listener < listener_hooks_.size() ? listener_hooks_[conn.listener] : hooks_;
  }
  Counters& counters() { return counters_; }
  const config::Config& config() const { return *config_; }
  AboveRate judge_rate(const Connection& conn);
  const config::ListenerConfig& listener(const Connection& conn) const {
    return config_->listeners[conn.listener];
  }
  topic::SessionHandle handle_of(const Session& session) const;
  bool is_local(std::uint8_t shard) const { return shard == shard_; }
  void check_invariants() const;

  // State. Grouped by who uses it.
  NodeShared& shared_;
  ConfigSnapshot config_;
  const std::uint8_t shard_;
  const Limits limits_;
  HookChain hooks_;
  std::vector<HookChain> listener_hooks_;
  Rng rng_;
  Counters& counters_;
  ConnectRate connect_rate_;   // by address
  ConnectRate listener_rate_;  // by the listener's kind and name
  Now now_;

  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::uint32_t> free_connections_;
  std::uint32_t next_incarnation_ = 1;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::uint32_t> free_sessions_;
  ClientTable clients_;
  std::vector<std::unique_ptr<std::string>> mountpoints_;
  std::unordered_map<std::uint64_t, std::uint32_t> asks_;  // ask → connection slot
  std::map<std::uint64_t, HttpAsking> http_asking_;        // by ask, so the oldest first
  std::size_t http_asking_bytes_ = 0;
  std::uint64_t next_ask_ = 1;

  session::TurnArena arena_;
  bool in_turn_memory_ = false;  // the bytes being read live until the end of the turn
  session::PiecesPool pieces_;
  TimerHeap<Timer> timers_;
  std::unique_ptr<Tracer> tracer_;  // null: nobody is watched
  std::uint64_t sys_round_ = 0;
  std::uint64_t rearm_round_ = 0;
  // Reused by every publish of the turn.
  topic::Matches matches_;
  Publisher publisher_;  // whose message is being delivered; of wills and $SYS: nobody
  Route route_;          // of the last publish
  std::vector<Target> targets_;
  // The last publish that the hooks allowed in this turn.
  std::uint32_t allowed_session_ = no_slot;
  std::string allowed_topic_;
  std::vector<ConnId> retained_ready_;  // whose retained messages go on in the next turn
  std::vector<std::uint8_t> scratch_;
  std::vector<std::uint8_t> record_;
  std::vector<std::uint32_t> changed_pages_;  // by the SUBSCRIBE or UNSUBSCRIBE under way
  // The last packet encoded from a queue: the next receiver of the same message copies and patches
  // it.
  struct LastPacket {
    session::MessageRef message;
    const std::uint8_t* bytes = nullptr;
    mqtt::PublishLayout layout;
    mqtt::Version version = mqtt::Version::V311;
    std::uint8_t qos = 0;
    bool retain = false;
  } last_packet_;

  Journal journal_;
  std::uint64_t ticket_;  // of this turn's batch
  std::uint64_t durable_ticket_;
  bool store_writable_ = true;
  bool is_memory_short_ = false;
  bool is_overloaded_ = false;
  bool is_lease_held_ = true;
  std::optional<Evacuation> evacuation_;
  std::uint64_t evacuation_round_ = 0;
  std::uint64_t evacuation_debt_ = 0;  // millionths of clients
  std::uint32_t evacuation_at_ = 0;    // the next place to look at
  bool is_about_to_leave_ = false;
  bool has_leave_timer_ = false;
  bool is_stopping_ = false;
  bool store_congested_ = false;
  std::uint64_t saved_links_ = 0;  // sum of the numbers in the record of the links
  std::vector<ConnId> congested_;  // publishers that wait for the store
  // Packets that wait for a batch or for other shards.
  Ring<Held, 4096> held_;
  // In the order they were sent.
  Ring<Awaited, 4096> awaited_;
  std::uint64_t awaited_sent_ = 0;
  std::uint64_t awaited_confirmed_ = 0;
  // Durable sessions whose next QoS 2 message may go when a batch is durable.
  Ring<Waiting, 4096> waiting_;
  bool is_turn_awaited_ = false;  // by one of them: it is submitted even if it wrote nothing
  Ring<Unsettled> unsettled_;
  std::unordered_map<std::uint64_t, PendingLoad> loads_;
  std::uint64_t next_load_ = 1;
  std::unordered_map<SessionNumber, Orphan> orphans_;  // of sessions that are gone
  std::vector<std::uint64_t> lost_;

  // Frames to and from other shards, by shard.
  std::vector<Peer> peers_;
  KnownShare share_name_;

  cluster::Members members_;
  std::uint64_t run_ = 0;  // names this run of the process to other members
  std::uint64_t last_stamp_ = 0;
  std::uint64_t reserved_stamp_ = 0;  // no other run gives stamps below it
  std::vector<std::unique_ptr<OutStream>> out_streams_;
  std::vector<std::unique_ptr<InStream>> in_streams_;
  bool is_clustered_ = false;                                  // interest_ is kept
  std::unordered_map<std::uint32_t, InterestCount> interest_;  // by FilterId
  std::uint64_t interest_version_ = 0;
  std::vector<std::uint8_t> interest_changes_;  // frames of this turn
  Ring<WaitingSuback> waiting_subacks_;
  // Shards that know what other members want, or need not wait for it any more.
  std::vector<bool> informed_;
  Instant informed_by_{0};            // at the latest
  std::vector<ConnId> uninformed_;    // clients that wait for it
  std::uint32_t registered_end_ = 0;  // sessions before it were asked for, or are owned
  std::unordered_map<std::uint64_t, OwnerRelease> registering_;  // ask → whose session
  ClaimState claims_;
  bool is_relay_due_ = false;  // in the next turn

  Effects effects_;  // what the turn has made so far
};

}  // namespace vmq::core
