// One change of one key, carried through: read it, decide what it is to be, compare and swap, and
// again when somebody else was faster or the answer was lost. What it becomes is decided anew from
// what is there each time, so `decide` must see in the value whether its own change is done
// already.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/time.h"
#include "cluster/metadata.h"

namespace vmq::cluster {

class KeyEdit {
 public:
  struct Decision {
    enum class What : std::uint8_t {
      Write,   // `value`; nullopt: delete
      Done,    // it is as it should be
      GiveUp,  // it cannot be: `reason`
    };
    What what = What::Done;
    std::optional<std::string> value = {};
    std::string reason = {};
  };
  using Decide = std::function<Decision(const std::optional<std::string>& current)>;
  static Decision write(std::string value) { return {Decision::What::Write, std::move(value), {}}; }
  static Decision erase() { return {Decision::What::Write, std::nullopt, {}}; }
  static Decision done() { return {}; }
  static Decision give_up(std::string reason) {
    return {Decision::What::GiveUp, {}, std::move(reason)};
  }

  struct Outcome {
    bool is_done = false;
    std::string reason = {};  // !is_done
    Revision revision = 0;    // of the change, or of what was there already
  };

  // Requests get the ids from `first_id` on.
  explicit KeyEdit(std::uint64_t first_id) : id_(first_id) {}

  // Begins, or begins another one: what is under way is given up, and may be done all the same.
  void begin(Metadata& metadata, std::string key, Decide decide, bool is_leased = false);
  // Nothing more is asked.
  void stop() { phase_ = Phase::Idle; }
  bool is_running() const { return phase_ != Phase::Idle; }

  // Goes on with what has come. Nothing while it runs or nothing was begun.
  std::optional<Outcome> take(Metadata& metadata, const Answers& answers, Instant now);
  // When take() has something to do though nothing came.
  std::optional<Instant> due() const;

 private:
  enum class Phase : std::uint8_t { Idle, Reading, Writing, Pausing };
  void read(Metadata& metadata);
  void pause(Instant now);
  std::optional<Outcome> judge(Metadata& metadata, const std::optional<std::string>& current,
                               Revision revision);
  std::optional<Outcome> on_written(Metadata& metadata, const CasAnswer& answer, Instant now);

  std::uint64_t id_;
  Phase phase_ = Phase::Idle;
  std::string key_;
  Decide decide_;
  bool is_leased_ = false;
  Instant resume_at_{};
};

}  // namespace vmq::cluster
