// The Paho client for C (Debian's libpaho-mqtt) in versions 3.1, 3.1.1 and 5, every QoS: PORT.
#include <MQTTClient.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

std::string uri;
MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
bool is_tls = false;
// This client polls, which makes its suite a slow one: it is complete over TCP, and over the other
// transports as long as it takes to see that they carry everything.
bool is_complete = true;
int names = 0;

[[noreturn]] void fail(const std::string& what, int code) {
  std::printf("FAILED %s (%d)\n", what.c_str(), code);
  std::exit(1);
}

void check(bool ok, const std::string& what, int code = 0) {
  if (!ok) fail(what, code);
}

struct Received {
  std::string topic;
  std::string payload;
  int qos;
  bool retained;
};

struct Will {
  std::string topic;
  std::string payload;
};

class Client {
 public:
  Client(int version, std::string name, bool is_clean, const Will* will = nullptr)
      : version_(version) {
    if (name.empty()) name = "c" + std::to_string(++names);
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    create.MQTTVersion = version;
    int code = MQTTClient_createWithOptions(&client_, uri.c_str(), name.c_str(),
                                            MQTTCLIENT_PERSISTENCE_NONE, nullptr, &create);
    check(code == MQTTCLIENT_SUCCESS, "create", code);
    MQTTClient_willOptions will_options = MQTTClient_willOptions_initializer;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions options5 = MQTTClient_connectOptions_initializer5;
    if (version == MQTTVERSION_5) options = options5;
    options.MQTTVersion = version;
    options.keepAliveInterval = 30;
    if (is_tls) options.ssl = &tls;
    if (will != nullptr) {
      will_options.topicName = will->topic.c_str();
      will_options.message = will->payload.c_str();
      will_options.qos = 1;
      options.will = &will_options;
    }
    if (version == MQTTVERSION_5) {
      connect_v5(options, is_clean);
    } else {
      options.cleansession = is_clean ? 1 : 0;
      code = MQTTClient_connect(client_, &options);
      check(code == 0, "connect", code);
      session_present_ = options.returned.sessionPresent != 0;
    }
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    if (client_ == nullptr) return;
    if (version_ == MQTTVERSION_5) {
      MQTTClient_disconnect5(client_, 5000, MQTTREASONCODE_SUCCESS, nullptr);
    } else {
      MQTTClient_disconnect(client_, 5000);
    }
    MQTTClient_destroy(&client_);
  }

  bool session_present() const { return session_present_; }

  void subscribe(const std::string& topic, int qos) {
    if (version_ == MQTTVERSION_5) {
      MQTTResponse response = MQTTClient_subscribe5(client_, topic.c_str(), qos, nullptr, nullptr);
      check(response.reasonCode == qos, "subscribe", response.reasonCode);
      MQTTResponse_free(response);
      return;
    }
    const int code = MQTTClient_subscribe(client_, topic.c_str(), qos);
    check(code == MQTTCLIENT_SUCCESS, "subscribe", code);
  }

  // Until the handshake is complete.
  void publish(const std::string& topic, std::string payload, int qos, bool is_retained = false) {
    MQTTClient_message message = MQTTClient_message_initializer;
    message.payload = payload.data();
    message.payloadlen = static_cast<int>(payload.size());
    message.qos = qos;
    message.retained = is_retained ? 1 : 0;
    MQTTClient_deliveryToken token = 0;
    if (version_ == MQTTVERSION_5) {
      MQTTResponse response = MQTTClient_publishMessage5(client_, topic.c_str(), &message, &token);
      check(response.reasonCode == MQTTREASONCODE_SUCCESS, "publish", response.reasonCode);
      MQTTResponse_free(response);
    } else {
      const int code = MQTTClient_publishMessage(client_, topic.c_str(), &message, &token);
      check(code == MQTTCLIENT_SUCCESS, "publish", code);
    }
    if (qos == 0) return;
    const int code = MQTTClient_waitForCompletion(client_, token, 10000);
    check(code == MQTTCLIENT_SUCCESS, "acknowledgement", code);
  }

  Received receive() {
    char* topic = nullptr;
    int length = 0;
    MQTTClient_message* message = nullptr;
    const int code = MQTTClient_receive(client_, &topic, &length, &message, 10000);
    check(code == MQTTCLIENT_SUCCESS && message != nullptr, "receive", code);
    Received received{topic,
                      std::string(static_cast<const char*>(message->payload),
                                  static_cast<std::size_t>(message->payloadlen)),
                      message->qos, message->retained != 0};
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
    return received;
  }

 private:
  void connect_v5(MQTTClient_connectOptions& options, bool is_clean) {
    options.cleansession = 0;
    options.cleanstart = is_clean ? 1 : 0;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry;
    expiry.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL;
    expiry.value.integer4 = is_clean ? 0 : 1000;
    MQTTProperties_add(&properties, &expiry);
    MQTTResponse response = MQTTClient_connect5(client_, &options, &properties, nullptr);
    check(response.reasonCode == MQTTREASONCODE_SUCCESS, "connect", response.reasonCode);
    session_present_ = options.returned.sessionPresent != 0;
    MQTTResponse_free(response);
    MQTTProperties_free(&properties);
  }

  MQTTClient client_ = nullptr;
  int version_;
  bool session_present_ = false;
};

constexpr int versions[] = {MQTTVERSION_3_1, MQTTVERSION_3_1_1, MQTTVERSION_5};

void every_mix_of_version_and_qos() {
  for (const int source : versions) {
    for (const int target : versions) {
      if (!is_complete && source != target) continue;
      Client publisher(source, "", true);
      Client subscriber(target, "", true);
      for (int sent = 0; sent <= 2; ++sent) {
        for (int granted = 0; granted <= 2; ++granted) {
          const std::string topic = "c/mix/" + std::to_string(source) + std::to_string(target) +
                                    std::to_string(sent) + std::to_string(granted);
          subscriber.subscribe(topic, granted);
          publisher.publish(topic, "hello", sent);
          const Received got = subscriber.receive();
          check(got.topic == topic && got.payload == "hello", "message of " + topic);
          check(got.qos == std::min(sent, granted), "qos of " + topic, got.qos);
        }
      }
    }
  }
}

void many_messages_keep_their_order() {
  for (const int version : versions) {
    Client publisher(version, "", true);
    Client subscriber(version, "", true);
    for (int qos = 0; qos <= 2; ++qos) {
      const std::string topic = "c/many/" + std::to_string(version) + std::to_string(qos);
      subscriber.subscribe(topic, qos);
      const int count = is_complete ? 20 : 5;
      for (int n = 0; n < count; ++n) publisher.publish(topic, std::to_string(n), qos);
      for (int n = 0; n < count; ++n) {
        check(subscriber.receive().payload == std::to_string(n), "order on " + topic, n);
      }
    }
  }
}

void durable_sessions_wait() {
  for (const int version : versions) {
    const std::string name = "durable-c-" + std::to_string(version);
    const std::string topic = "c/durable/" + std::to_string(version);
    { Client(version, name, false).subscribe(topic, 2); }
    {
      Client publisher(version, "", true);
      publisher.publish(topic, "one", 1);
      publisher.publish(topic, "two", 2);
    }
    Client client(version, name, false);
    // MQTT 3.1 has no such flag, and this client reports it for 3.1.1 only.
    if (version == MQTTVERSION_3_1_1) check(client.session_present(), "session of " + name);
    check(client.receive().payload == "one", "queue of " + name);
    check(client.receive().payload == "two", "queue of " + name);
  }
}

void retained_messages_are_sent() {
  for (const int version : versions) {
    const std::string topic = "c/retained/" + std::to_string(version);
    Client(version, "", true).publish(topic, "kept", 1, true);
    Client client(version, "", true);
    client.subscribe(topic, 1);
    const Received got = client.receive();
    check(got.payload == "kept" && got.retained, "retained " + topic);
  }
}

// The client that dies is a process of its own, as it would be.
void wills_are_published() {
  for (const int version : versions) {
    const Will will{"c/will/" + std::to_string(version), "gone"};
    Client watcher(version, "", true);
    watcher.subscribe(will.topic, 1);
    const pid_t child = fork();
    if (child == 0) {
      Client victim(version, "victim-c-" + std::to_string(version), true, &will);
      _exit(0);
    }
    check(waitpid(child, nullptr, 0) == child, "wait");
    check(watcher.receive().payload == will.payload, "will " + will.topic);
  }
}

// TRANSPORT is tcp, tls, ws or wss; CAFILE the authority to believe.
void choose_transport(const std::string& port) {
  const char* named = std::getenv("TRANSPORT");
  const std::string transport = named == nullptr ? "tcp" : named;
  is_tls = transport == "tls" || transport == "wss";
  is_complete = transport == "tcp";
  uri = (transport == "tls" ? "ssl" : transport) + "://127.0.0.1:" + port;
  if (transport == "ws" || transport == "wss") uri += "/mqtt";
  if (!is_tls) return;
  tls.trustStore = std::getenv("CAFILE");
  tls.verify = 1;
  tls.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
}

}  // namespace

int main(int argc, char** argv) {
  check(argc == 2, "usage: paho_c PORT");
  choose_transport(argv[1]);
  MQTTClient_init_options init = MQTTClient_init_options_initializer;
  init.do_openssl_init = 1;
  MQTTClient_global_init(&init);
  every_mix_of_version_and_qos();
  many_messages_keep_their_order();
  durable_sessions_wait();
  retained_messages_are_sent();
  wills_are_published();
  std::printf("5 tests passed\n");
  return 0;
}
