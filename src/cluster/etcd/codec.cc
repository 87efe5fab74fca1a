#include "cluster/etcd/codec.h"

#include <etcd.pb.h>

#include <algorithm>
#include <utility>

namespace vmq::cluster::etcd {

namespace {

template <typename Message>
std::optional<Message> parse(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return message;
}

Header to_header(const etcdserverpb::ResponseHeader& header) {
  return {header.revision(), header.member_id(), header.raft_term()};
}

Change to_change(etcdserverpb::KeyValue& entry) {
  return {std::move(*entry.mutable_key()), std::move(*entry.mutable_value()), entry.mod_revision()};
}

std::string in_space(std::string_view space, const std::string& key) {
  std::string result(space);
  result += key;
  return result;
}

std::vector<EtcdMember> to_members(
    const google::protobuf::RepeatedPtrField<etcdserverpb::Member>& members) {
  std::vector<EtcdMember> result;
  for (const etcdserverpb::Member& member : members) {
    result.push_back({.id = member.id(),
                      .name = member.name(),
                      .peer_urls = {member.peerurls().begin(), member.peerurls().end()},
                      .client_urls = {member.clienturls().begin(), member.clienturls().end()},
                      .is_learner = member.islearner()});
  }
  return result;
}

}  // namespace

std::string encode_range(const RangeQuery& query) {
  etcdserverpb::RangeRequest request;
  request.set_key(query.key);
  request.set_range_end(query.end);
  request.set_limit(query.limit);
  request.set_revision(query.revision);
  request.set_count_only(query.is_count_only);
  return request.SerializeAsString();
}

std::optional<Page> decode_page(std::string_view bytes) {
  std::optional<etcdserverpb::RangeResponse> response = parse<etcdserverpb::RangeResponse>(bytes);
  if (!response) return std::nullopt;
  Page page{.header = to_header(response->header()),
            .entries = {},
            .has_more = response->more(),
            .count = response->count()};
  page.entries.reserve(static_cast<std::size_t>(response->kvs_size()));
  for (etcdserverpb::KeyValue& entry : *response->mutable_kvs()) {
    page.entries.push_back(to_change(entry));
  }
  return page;
}

// The outer transaction has no condition; each request is a transaction within it: if the key's
// last change is the expected one (0: there is no key) then put or delete, else say what is there.
std::string encode_cas(std::span<const CasRequest* const> requests, std::string_view space,
                       LeaseId lease) {
  etcdserverpb::TxnRequest all;
  for (const CasRequest* request : requests) {
    const std::string key = in_space(space, request->key);
    etcdserverpb::TxnRequest& one = *all.add_success()->mutable_request_txn();
    etcdserverpb::Compare& compare = *one.add_compare();
    compare.set_target(etcdserverpb::Compare::MOD);
    compare.set_result(etcdserverpb::Compare::EQUAL);
    compare.set_key(key);
    compare.set_mod_revision(request->expected_revision);
    if (request->value) {
      etcdserverpb::PutRequest& put = *one.add_success()->mutable_request_put();
      put.set_key(key);
      put.set_value(*request->value);
      if (request->is_leased) put.set_lease(lease);
    } else {
      one.add_success()->mutable_request_delete_range()->set_key(key);
    }
    one.add_failure()->mutable_request_range()->set_key(key);
  }
  return all.SerializeAsString();
}

std::optional<std::vector<CasAnswer>> decode_cas(std::string_view bytes,
                                                 std::span<const CasRequest* const> requests) {
  std::optional<etcdserverpb::TxnResponse> all = parse<etcdserverpb::TxnResponse>(bytes);
  if (!all || static_cast<std::size_t>(all->responses_size()) != requests.size()) {
    return std::nullopt;
  }
  std::vector<CasAnswer> answers;
  answers.reserve(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    etcdserverpb::TxnResponse& one =
        *all->mutable_responses(static_cast<int>(i))->mutable_response_txn();
    CasAnswer& answer = answers.emplace_back();
    answer.id = requests[i]->id;
    answer.revision = all->header().revision();
    answer.status = one.succeeded() ? CasStatus::Done : CasStatus::Conflict;
    if (one.succeeded() || one.responses_size() == 0) continue;
    etcdserverpb::RangeResponse& there = *one.mutable_responses(0)->mutable_response_range();
    if (there.kvs_size() == 0) continue;
    Change change = to_change(*there.mutable_kvs(0));
    answer.current_value = std::move(change.value);
    answer.current_revision = change.revision;
  }
  return answers;
}

std::string encode_gets(std::span<const std::string> keys, std::string_view space) {
  etcdserverpb::TxnRequest all;
  for (const std::string& key : keys) {
    all.add_success()->mutable_request_range()->set_key(in_space(space, key));
  }
  return all.SerializeAsString();
}

std::optional<std::vector<GetAnswer>> decode_gets(std::string_view bytes, std::size_t count) {
  std::optional<etcdserverpb::TxnResponse> all = parse<etcdserverpb::TxnResponse>(bytes);
  if (!all || static_cast<std::size_t>(all->responses_size()) != count) return std::nullopt;
  std::vector<GetAnswer> answers;
  for (etcdserverpb::ResponseOp& one : *all->mutable_responses()) {
    GetAnswer& answer = answers.emplace_back();
    answer.is_reachable = true;
    if (one.response_range().kvs_size() == 0) continue;
    Change change = to_change(*one.mutable_response_range()->mutable_kvs(0));
    answer.value = std::move(change.value);
    answer.revision = change.revision;
  }
  return answers;
}

std::string encode_grant(std::int64_t time_to_live_s) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(time_to_live_s);
  return request.SerializeAsString();
}

std::optional<Grant> decode_grant(std::string_view bytes) {
  const auto response = parse<etcdserverpb::LeaseGrantResponse>(bytes);
  if (!response || response->id() == 0) return std::nullopt;
  return Grant{response->id(), response->ttl()};
}

std::string encode_lease(LeaseId lease) {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease);
  return request.SerializeAsString();
}

std::optional<std::int64_t> decode_keep_alive(std::string_view bytes) {
  const auto response = parse<etcdserverpb::LeaseKeepAliveResponse>(bytes);
  if (!response) return std::nullopt;
  return response->ttl();
}

std::string encode_compaction(Revision revision) {
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision);
  return request.SerializeAsString();
}

std::string encode_watch(const WatchStart& start) {
  etcdserverpb::WatchRequest request;
  etcdserverpb::WatchCreateRequest& create = *request.mutable_create_request();
  create.set_key(start.key);
  create.set_range_end(start.end);
  create.set_start_revision(start.from);
  create.set_watch_id(start.watch);
  create.set_progress_notify(true);
  return request.SerializeAsString();
}

std::string encode_watch_cancel(std::int64_t watch) {
  etcdserverpb::WatchRequest request;
  request.mutable_cancel_request()->set_watch_id(watch);
  return request.SerializeAsString();
}

std::optional<WatchMessage> decode_watch(std::string_view bytes) {
  std::optional<etcdserverpb::WatchResponse> response = parse<etcdserverpb::WatchResponse>(bytes);
  if (!response) return std::nullopt;
  WatchMessage message{.watch = response->watch_id(),
                       .is_created = response->created(),
                       .is_cancelled = response->canceled(),
                       .compacted = response->compact_revision(),
                       .reason = response->cancel_reason(),
                       .revision = response->header().revision(),
                       .changes = {}};
  message.changes.reserve(static_cast<std::size_t>(response->events_size()));
  for (etcdserverpb::Event& event : *response->mutable_events()) {
    message.changes.push_back(to_change(*event.mutable_kv()));
    if (event.type() == etcdserverpb::Event::DELETE) message.changes.back().value.reset();
  }
  return message;
}

std::string encode_member_add(const std::string& peer_url) {
  etcdserverpb::MemberAddRequest request;
  request.add_peerurls(peer_url);
  request.set_islearner(true);
  return request.SerializeAsString();
}

std::string encode_member_id(std::uint64_t id) {
  etcdserverpb::MemberIdRequest request;
  request.set_id(id);
  return request.SerializeAsString();
}

std::string encode_member_update(std::uint64_t id, const std::string& peer_url) {
  etcdserverpb::MemberUpdateRequest request;
  request.set_id(id);
  request.add_peerurls(peer_url);
  return request.SerializeAsString();
}

std::optional<std::vector<EtcdMember>> decode_members(std::string_view bytes) {
  const auto response = parse<etcdserverpb::MembersResponse>(bytes);
  if (!response) return std::nullopt;
  return to_members(response->members());
}

std::optional<std::vector<EtcdMember>> decode_member_add(std::string_view bytes) {
  const auto response = parse<etcdserverpb::MemberAddResponse>(bytes);
  if (!response) return std::nullopt;
  return to_members(response->members());
}

std::optional<ServerStatus> decode_status(std::string_view bytes) {
  const auto response = parse<etcdserverpb::StatusResponse>(bytes);
  if (!response) return std::nullopt;
  return ServerStatus{.header = to_header(response->header()),
                      .version = response->version(),
                      .leader = response->leader(),
                      .is_learner = response->islearner(),
                      .bytes = response->dbsize(),
                      .bytes_in_use = response->dbsizeinuse(),
                      .errors = {response->errors().begin(), response->errors().end()}};
}

std::string encode_disarm() {
  etcdserverpb::AlarmRequest request;
  request.set_action(etcdserverpb::AlarmRequest::DEACTIVATE);
  request.set_alarm(1);  // NOSPACE
  return request.SerializeAsString();
}

std::string encode_move_leader(std::uint64_t to) {
  etcdserverpb::MoveLeaderRequest request;
  request.set_targetid(to);
  return request.SerializeAsString();
}

}  // namespace vmq::cluster::etcd
