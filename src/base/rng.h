// The only source of chance: xoshiro256**, seeded by the shell from the system and by the simulator
// from its seed.
#pragma once

#include <array>
#include <cstdint>

namespace vmq {

class Rng {
 public:
  explicit Rng(std::uint64_t seed);
  std::uint64_t next();
  // A number in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // An independent stream, so that a new draw in one concern does not reshuffle another.
  Rng split();

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace vmq
