// What carries MQTT beside plain TCP: TLS, WebSocket, or both, from the client's side. Bytes in,
// bytes out; certificates are not checked, because nothing but speed is at stake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

struct bio_st;
struct ssl_ctx_st;
struct ssl_st;

namespace vmq::bench {

// One a process. Null when TLS is not asked for.
ssl_ctx_st* make_tls_context();

class Carrier {
 public:
  using Bytes = std::vector<std::uint8_t>;

  // `context`: null for no TLS.
  Carrier(ssl_ctx_st* context, bool websocket);
  ~Carrier();
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // Appends what is to be said first.
  void begin(Bytes& wire);
  // Takes bytes of the socket; appends MQTT's to `plain` and what is to be sent to `wire`. False:
  // the connection has failed or ended.
  bool receive(const std::uint8_t* bytes, std::size_t size, Bytes& plain, Bytes& wire);
  void send(const std::uint8_t* bytes, std::size_t size, Bytes& wire);
  bool is_open() const { return is_open_; }

 private:
  void put(const std::uint8_t* bytes, std::size_t size, Bytes& wire);
  void drain(Bytes& wire);
  void request(Bytes& wire);
  bool take_websocket(Bytes& plain);

  ssl_st* ssl_ = nullptr;
  bio_st* in_ = nullptr;   // of ssl_
  bio_st* out_ = nullptr;  // of ssl_
  const bool websocket_;
  bool is_requested_ = false;
  bool is_open_ = false;
  Bytes received_;  // of the WebSocket: what makes no frame yet
};

}  // namespace vmq::bench
