#include "core/counters.h"

#include "base/expect.h"

namespace vmq::core {

namespace {

using enum mqtt::ReasonCode;
using mqtt::ReasonCode;

constexpr ReasonCode connack[] = {Success,
                                  UnspecifiedError,
                                  MalformedPacket,
                                  ProtocolError,
                                  ImplementationSpecificError,
                                  UnsupportedProtocolVersion,
                                  ClientIdentifierNotValid,
                                  BadUserNameOrPassword,
                                  NotAuthorized,
                                  ServerUnavailable,
                                  ServerBusy,
                                  Banned,
                                  BadAuthenticationMethod,
                                  TopicNameInvalid,
                                  PacketTooLarge,
                                  QuotaExceeded,
                                  PayloadFormatInvalid,
                                  RetainNotSupported,
                                  QosNotSupported,
                                  UseAnotherServer,
                                  ServerMoved,
                                  ConnectionRateExceeded};
constexpr ReasonCode disconnect_received[] = {NormalDisconnection,  DisconnectWithWillMessage,
                                              UnspecifiedError,     MalformedPacket,
                                              ProtocolError,        ImplementationSpecificError,
                                              TopicNameInvalid,     ReceiveMaximumExceeded,
                                              TopicAliasInvalid,    PacketTooLarge,
                                              MessageRateTooHigh,   QuotaExceeded,
                                              AdministrativeAction, PayloadFormatInvalid};
constexpr ReasonCode disconnect_sent[] = {NormalDisconnection,
                                          UnspecifiedError,
                                          MalformedPacket,
                                          ProtocolError,
                                          ImplementationSpecificError,
                                          NotAuthorized,
                                          ServerBusy,
                                          ServerShuttingDown,
                                          KeepAliveTimeout,
                                          SessionTakenOver,
                                          TopicFilterInvalid,
                                          TopicNameInvalid,
                                          ReceiveMaximumExceeded,
                                          TopicAliasInvalid,
                                          PacketTooLarge,
                                          MessageRateTooHigh,
                                          QuotaExceeded,
                                          AdministrativeAction,
                                          PayloadFormatInvalid,
                                          RetainNotSupported,
                                          QosNotSupported,
                                          UseAnotherServer,
                                          ServerMoved,
                                          SharedSubscriptionsNotSupported,
                                          ConnectionRateExceeded,
                                          MaximumConnectTime,
                                          SubscriptionIdentifiersNotSupported,
                                          WildcardSubscriptionsNotSupported,
                                          BadAuthenticationMethod};
constexpr ReasonCode puback[] = {Success,
                                 NoMatchingSubscribers,
                                 UnspecifiedError,
                                 ImplementationSpecificError,
                                 NotAuthorized,
                                 TopicNameInvalid,
                                 PacketIdentifierInUse,
                                 QuotaExceeded,
                                 PayloadFormatInvalid};
constexpr ReasonCode pubrel[] = {Success, PacketIdentifierNotFound};
constexpr ReasonCode auth[] = {Success, ContinueAuthentication, ReAuthenticate};

constexpr std::size_t old_series(PerReason which) {
  switch (which) {
    case PerReason::ConnackSent:
      return 6;
    case PerReason::DisconnectSent:
    case PerReason::AuthSent:
    case PerReason::AuthReceived:
      return 0;  // MQTT 3 has no such packet
    default:
      return 1;
  }
}

constexpr std::span<const ReasonCode> reasons(PerReason which) {
  switch (which) {
    case PerReason::ConnackSent:
      return connack;
    case PerReason::DisconnectReceived:
      return disconnect_received;
    case PerReason::DisconnectSent:
      return disconnect_sent;
    case PerReason::PubackSent:
    case PerReason::PubackReceived:
    case PerReason::PubrecSent:
    case PerReason::PubrecReceived:
      return puback;
    case PerReason::PubrelSent:
    case PerReason::PubrelReceived:
    case PerReason::PubcompSent:
    case PerReason::PubcompReceived:
      return pubrel;
    case PerReason::AuthSent:
    case PerReason::AuthReceived:
    case PerReason::End:
      break;
  }
  return auth;
}

// A code that the packet may not carry (the decoder lets none through) counts as its first.
constexpr std::size_t lay_out(ReasonSlots& slots) {
  std::size_t next = 0;
  for (std::size_t metric = 0; metric < metric_count<PerReason>; ++metric) {
    const auto which = static_cast<PerReason>(metric);
    slots.first[metric] = static_cast<std::uint8_t>(next);
    next += old_series(which);
    slots.of_v5[metric].fill(static_cast<std::uint8_t>(next));
    for (const ReasonCode reason : reasons(which)) {
      slots.of_v5[metric][static_cast<std::uint8_t>(reason)] = static_cast<std::uint8_t>(next++);
    }
  }
  return next;
}

constexpr ReasonSlots laid_out() {
  ReasonSlots slots;
  lay_out(slots);
  return slots;
}

constexpr std::size_t series_count() {
  ReasonSlots slots;
  return lay_out(slots);
}
static_assert(series_count() == reason_series);

}  // namespace

constinit const ReasonSlots reason_slots = laid_out();

std::span<const mqtt::ReasonCode> reasons_of(PerReason which) { return reasons(which); }
std::size_t old_series_of(PerReason which) { return old_series(which); }

}  // namespace vmq::core
