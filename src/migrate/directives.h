// mosquitto.conf as a list of directives, each with its place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/parser.h"
#include "migrate/mosquitto.h"

namespace vmq::migrate {

inline constexpr std::size_t kDirectivesMax = 100'000;

struct Directive {
  std::string key;
  std::string value;
  std::string file;
  std::size_t line = 0;
};

// A listener or a bridge: the line that begins it and its options.
struct Block {
  Directive head;
  std::vector<Directive> options;

  // The last one of that name, which is the one that counts; null when there is none.
  const Directive* find(std::string_view key) const;
};

struct Directives {
  std::vector<Directive> globals;
  Block default_listener;  // options before any listener; its head is `port`, or empty
  std::vector<Block> listeners;
  std::vector<Block> bridges;
  bool is_per_listener = false;  // per_listener_settings

  const Directive* find_global(std::string_view key) const;
};

[[nodiscard]] Result<Directives, std::string> read_directives(const std::string& path,
                                                              const config::FileLoader& files);

// The first word of a text, which is shortened to what follows.
std::string_view take_word(std::string_view& text);

}  // namespace vmq::migrate
