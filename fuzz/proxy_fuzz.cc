// PROXY headers. What must hold: a header that is complete is so with its last byte and not before,
// what follows changes nothing, and an error stays one.
#include <cstdlib>

#include "net/proxy_protocol.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using vmq::net::ProxyHeader;
  using Status = ProxyHeader::Status;
  const vmq::ByteView bytes(data, size);
  const ProxyHeader header = vmq::net::read_proxy_header(bytes);
  if (header.status == Status::NeedMore) {
    require(size < vmq::net::proxy_header_max);
    return 0;
  }
  if (header.status == Status::Error) {
    require(!header.error.empty());
    return 0;
  }
  require(header.size <= size && header.size <= vmq::net::proxy_header_max);
  const ProxyHeader exact = vmq::net::read_proxy_header(bytes.first(header.size));
  require(exact.status == Status::Done && exact.source == header.source &&
          exact.common_name == header.common_name);
  const ProxyHeader cut = vmq::net::read_proxy_header(bytes.first(header.size - 1));
  require(cut.status == Status::NeedMore);
  return 0;
}
