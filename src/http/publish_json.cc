// The JSON of messages. The only file that sees Boost.JSON, which is compiled into it.
#include <boost/json/src.hpp>

#include "http/publish.h"

namespace vmq::http {
namespace {

namespace json = boost::json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::optional<json::value> parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

std::optional<std::string> text_of(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string().data(), value.get_string().size());
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  if (value.is_int64()) return std::to_string(value.get_int64());
  return std::nullopt;
}

std::optional<Pairs> pairs_of(const json::value& value) {
  if (!value.is_array()) return std::nullopt;
  Pairs pairs;
  for (const json::value& one : value.get_array()) {
    if (!one.is_object()) return std::nullopt;
    for (const auto& member : one.get_object()) {
      const std::optional<std::string> text = text_of(member.value());
      if (!text) return std::nullopt;
      pairs.emplace_back(std::string(member.key().data(), member.key().size()), *text);
    }
  }
  return pairs;
}

}  // namespace

std::optional<JsonFields> parse_json_fields(std::string_view body) {
  const std::optional<json::value> value = parse(body);
  if (!value || !value->is_object()) return std::nullopt;
  JsonFields fields;
  for (const auto& member : value->get_object()) {
    const std::string name(member.key().data(), member.key().size());
    if (name == "user_properties") {
      fields.user_properties = pairs_of(member.value());
      if (!fields.user_properties) fields.texts.emplace_back(name, "");
      continue;
    }
    // What is no simple value is no value of any field, and told with the field's own words.
    fields.texts.emplace_back(name, text_of(member.value()).value_or("\n"));
  }
  return fields;
}

std::optional<Pairs> parse_user_properties(std::string_view text) {
  const std::optional<json::value> value = parse(text);
  return value ? pairs_of(*value) : std::nullopt;
}

}  // namespace vmq::http
