// The status page, compiled in: the files of web/ and what they take from others, as one table.
#pragma once

#include <span>
#include <string_view>

namespace vmq::web {

struct Asset {
  std::string_view path;  // below /status/: "index.html", "views/sessions.js"
  std::string_view content_type;
  std::string_view etag;   // with its quotes, as in the header
  std::string_view bytes;  // as they are
  std::string_view gzip;   // the same, for who accepts gzip
};

std::span<const Asset> assets();

// "" is index.html. Null: there is no such file. The address /status, without the slash at its
// end, is status.html: the same page, which names its files as they are seen from there.
const Asset* find_asset(std::string_view path);

// Goes with every answer below /status/. Nothing inline, nothing from elsewhere; WebSocket to
// anywhere, for the page's MQTT client. Trusted types: nothing can turn a string into markup, so a
// client id that looks like markup stays text whatever mistake the page may make.
inline constexpr std::string_view CONTENT_SECURITY_POLICY =
    "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

}  // namespace vmq::web
