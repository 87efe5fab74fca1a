#include "http/url.h"

namespace vmq::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Cuts what stands before `separator` off the front, and the separator with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view piece = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return piece;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::IsBlank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::optional<std::vector<Parameter>> parse_query(std::string_view query) {
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    std::string_view piece = take_until(query, '&');
    if (piece.empty()) continue;
    if (parameters.size() == parameters_max) return std::nullopt;
    const bool has_value = piece.find('=') != std::string_view::npos;
    std::optional<std::string> name = percent_decoded(take_until(piece, '='), Plus::IsBlank);
    std::optional<std::string> value = percent_decoded(piece, Plus::IsBlank);
    if (!name || !value) return std::nullopt;
    parameters.push_back({std::move(*name), has_value ? std::move(value) : std::nullopt});
  }
  return parameters;
}

std::optional<std::vector<std::string>> path_words(std::string_view path) {
  std::vector<std::string> words;
  while (!path.empty()) {
    const std::string_view piece = take_until(path, '/');
    if (piece.empty()) continue;
    if (words.size() == parameters_max) return std::nullopt;
    std::optional<std::string> word = percent_decoded(piece);
    if (!word) return std::nullopt;
    words.push_back(std::move(*word));
  }
  return words;
}

}  // namespace vmq::http
