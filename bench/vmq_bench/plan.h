// Who takes part in a scenario: all clients, the groups that join them, and what each subscriber is
// owed.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "bench/vmq_bench/client.h"
#include "bench/vmq_bench/options.h"

namespace vmq::bench {

struct Plan {
  std::uint32_t publisher_count = 0;  // clients [0, publisher_count) publish, the others do not
  std::vector<Client> clients;
  std::deque<Group> groups;
  struct OwnedTally {
    std::uint32_t publisher;
    std::unique_ptr<Tally> tally;
  };
  std::vector<OwnedTally> tallies;

  [[nodiscard]] std::uint32_t client_count() const {
    return static_cast<std::uint32_t>(clients.size());
  }
};

Plan make_plan(const Options& options);

// What subscribers are owed for everything published so far, what of it never came, and what came
// wrongly.
struct Account {
  std::uint64_t expected = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t reordered = 0;
};
// How many deliveries `sent` published messages make in a whole run.
std::uint64_t deliveries_owed(const Options& options, std::uint64_t sent);

// The account for what each publisher really sent, and for what it was to send. Only while the
// workers rest.
Account account_of_sent(const Plan& plan);
Account account_of_quota(const Plan& plan);
// How many of the messages to be sent are for the subscribers [first, last), which have streams of
// their own.
std::uint64_t quota_of_clients(const Plan& plan, std::uint32_t first, std::uint32_t last);

}  // namespace vmq::bench
