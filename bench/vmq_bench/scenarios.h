// What each subcommand does, told to the fleet step by step.
#pragma once

#include "bench/vmq_bench/fleet.h"

namespace vmq::bench {

Report run_scenario(const Options& options);

// Parts of it, one file each.
void run_traffic(Fleet& fleet, Plan& plan, const Options& options, Report& report);
void run_retained(Fleet& fleet, Plan& plan, const Options& options, Report& report);
void run_offline(Fleet& fleet, Plan& plan, const Options& options, Report& report);
void run_connections(Fleet& fleet, Plan& plan, const Options& options, Report& report);

// Sets the publishers going; they stop at their quota or when Run::publishing ends.
void start_publishing(Fleet& fleet, Plan& plan, const Options& options);
// Publishes all quotas and waits for their acknowledgements: one phase, measured from the first
// message.
bool publish_all(Fleet& fleet, Plan& plan, const Options& options, Report& report,
                 std::string name);

}  // namespace vmq::bench
