// Paths and queries of requests, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::http {

enum class Plus : bool { IsPlus, IsBlank };

// Nothing when a percent sign is not followed by two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text, Plus plus = Plus::IsPlus);

struct Parameter {
  std::string name;
  std::optional<std::string> value;  // none: there was no equals sign
};

inline constexpr std::size_t parameters_max = 256;

// Of `a=1&b&--c=2`, in its order. In a query a plus sign is a blank. Nothing when the encoding is
// broken or there are more than `parameters_max`.
std::optional<std::vector<Parameter>> parse_query(std::string_view query);

// The decoded words between the slashes; empty ones are left out. Nothing when the encoding is
// broken or there are more than `parameters_max`.
std::optional<std::vector<std::string>> path_words(std::string_view path);

}  // namespace vmq::http
