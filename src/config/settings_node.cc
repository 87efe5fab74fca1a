#include "config/paths.h"
#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr Setting kNodeSettings[] = {
    {"nodename", Type::Text, "VerneMQ@127.0.0.1", kPlain, Built::Works,
     "Name of this node, NAME@HOST. HOST must reach this node from the others. Choose it before "
     "the first start: it names the node in the cluster."},
    {"platform_data_dir", Type::Text, VMQ_DATA_DIR, kHidden, Built::Works,
     "Directory that holds what the broker keeps."},
    {"node.admin_socket", Type::File, "$(platform_data_dir)/admin.sock", kCommented | kOurs,
     Built::Works,
     "Unix socket for vmq-admin. Who may open it may do everything: root, the user that the node "
     "runs as, and the group of that user; a folder with other rights narrows it down. off: none.",
     "off"},
    {"node.shards", Type::Int, "0", kCommented | kOurs, Built::Works,
     "Number of shard threads; 0 starts one a core.", "", Unit::None, 0, 63},
    {"node.memory_max", Type::Bytes, "0", kCommented | kOurs, Built::Works,
     "Memory of the process from which on nothing is taken that would make it grow: publishes "
     "above QoS 0 and retained ones, new subscriptions and new sessions are refused until it is "
     "below again; 0 chooses three quarters of what the machine, or the control group, has.",
     "", Unit::Bytes, 0},
    {"node.queue_bytes_max", Type::Bytes, "64MB", kCommented | kOurs, Built::Works,
     "Most bytes that wait for one client, whatever the counts of max_online_messages and "
     "max_offline_messages say.",
     "", Unit::Bytes, 1024},
    {"node.connection_buffer_max", Type::Bytes, "1MB", kCommented | kOurs, Built::Works,
     "Most unsent bytes kept for one slow client; what is above waits in its queue.", "",
     Unit::Bytes, 4096},
    {"node.keep_alive_max", Type::Int, "0", kCommented | kOurs, Built::Works,
     "Longest keep alive. An MQTT 5 client that asks for more, or for none, is told this one in "
     "CONNACK (Server Keep Alive) and held to it; older clients cannot be told and keep theirs. 0 "
     "takes what clients ask for.",
     "", Unit::Seconds, 0, 65535},
    {"node.connect_rate_per_address", Type::Int, "0", kCommented | kOurs | kLive, Built::Works,
     "Connections that one IP address may make in a second. What comes above is answered with "
     "CONNACK 0x9F (3 before MQTT 5) and closed. 0 sets no limit; think of clients that share an "
     "address behind a gateway or a proxy before you set one.",
     "", Unit::None, 0, 1000000},
    {"node.overload_lag", Type::DurationText, "500ms", kCommented | kOurs | kLive, Built::Works,
     "How long input may wait on average for its turn before the node counts as overloaded and "
     "takes no new clients (CONNACK 0x89, 3 before MQTT 5), so that those who are connected suffer "
     "no more. 0ms never refuses for it.",
     "", Unit::Milliseconds, 0, 60000},
    {"node.server_reference", Type::Text, "", kCommented | kOurs | kLive, Built::Works,
     "Another server, as clients of MQTT 5 understand it (host or host:port, several separated by "
     "blanks): named in the DISCONNECT that they get when this node stops."},
    {"node.stop_timeout", Type::DurationText, "5s", kCommented | kOurs, Built::Works,
     "Longest time that a stopping node waits for what is under way: clients that are being told, "
     "writes to the disk.",
     "", Unit::Milliseconds, 0, 600000},
    {"node.accept_backlog", Type::Int, "4096", kHidden | kOurs, Built::Works,
     "Connections that the system may hold ready before they are accepted.", "", Unit::None, 1,
     65535},
};

constexpr Setting kStoreSettings[] = {
    {"message_store.directory", Type::Directory, "$(platform_data_dir)/message_store",
     kCommented | kOurs, Built::Works, "Directory of sessions, queues and retained messages."},
    {"message_store.sync", Type::Enum, "always", kOurs, Built::Works,
     "When a message counts as stored, and so may be acknowledged: always when it is on disk, "
     "interval when it is written and the disk follows within message_store.sync_interval, off "
     "when the system has it. always keeps every acknowledged message across a power cut, the "
     "others across a crash of the process.",
     "always|interval|off"},
    {"message_store.sync_interval", Type::DurationText, "100ms", kCommented | kOurs, Built::Works,
     "Longest time between two syncs with message_store.sync = interval.", "", Unit::Milliseconds,
     1, 60000},
    {"message_store.cache", Type::Bytes, "32MB", kCommented | kOurs, Built::Works,
     "Memory for blocks of the store that were read.", "", Unit::Bytes, 0},
    {"message_store.recent", Type::Bytes, "64MB", kCommented | kOurs, Built::Works,
     "Memory for messages that were stored lately: a queue that is drained soon after it was "
     "filled is sent from it and reads nothing from disk. At most a sixteenth of node.memory_max, "
     "and given up while that is passed.",
     "", Unit::Bytes, 0},
    {"vmq_generic_msg_store.store_dir", Type::Directory, VMQ_DATA_DIR "/msgstore", kHidden,
     Built::Mapped,
     "Directory of the message store of VerneMQ. Taken as message_store.directory, in its "
     "subdirectory rocks, unless that key is set."},
    {"leveldb.sync_on_write", Type::Flag, "off", kHidden, Built::Mapped,
     "on is taken as message_store.sync = always. off is not taken over: it would weaken what an "
     "acknowledgement means; say so with message_store.sync."},
};

constexpr Setting kClusterSettings[] = {
    {"allow_register_during_netsplit", Type::Flag, "off", kLive, Built::Works,
     "Whether clients may connect to a node that has lost the majority of its cluster."},
    {"allow_publish_during_netsplit", Type::Flag, "off", kLive, Built::Works,
     "Whether messages are taken (from clients, wills, bridges and HTTP) on a node that has lost "
     "the majority of its cluster."},
    {"allow_subscribe_during_netsplit", Type::Flag, "off", kLive, Built::Works,
     "Whether clients may subscribe on a node that has lost the majority of its cluster."},
    {"allow_unsubscribe_during_netsplit", Type::Flag, "off", kLive, Built::Works,
     "Whether clients may unsubscribe on a node that has lost the majority of its cluster."},
    {"shared_subscription_timeout_action", Type::Enum, "ignore", kHidden, Built::NotBuilt,
     "What follows when another node does not take a message of a shared subscription in time.",
     "ignore|requeue"},
    {"coordinate_registrations", Type::Flag, "on", kLive, Built::NotBuilt,
     "Whether registrations of one client id are serialised across the cluster. Ours always are."},
    {"outgoing_clustering_buffer_size", Type::Int, "67108864", kHidden, Built::Works,
     "Most unsent bytes kept in memory for another node. Messages of QoS 0 that come above it, or "
     "while the node cannot be reached, are dropped and counted (cluster_bytes_dropped); what was "
     "acknowledged waits on disk.",
     "", Unit::Bytes},
    {"incoming_clustering_buffer_size", Type::Int, "67108864", kHidden, Built::Ignored,
     "Largest frame taken from another node. Here it is the largest message of MQTT.", "",
     Unit::Bytes},
    {"outgoing_clustering_flush_threshold", Type::Int, "65536", kHidden, Built::Ignored,
     "Bytes gathered before a write to another node. Here a turn's bytes are written at its end.",
     "", Unit::Bytes},
    {"remote_enqueue_timeout", Type::Int, "5000", kHidden | kLive, Built::NotBuilt,
     "Milliseconds for the cross-node enqueue used by shared subscriptions.", "infinity",
     Unit::Milliseconds},
    {"cluster_ready_rpc_timeout", Type::Int, "5000", kHidden | kLive, Built::NotBuilt,
     "Milliseconds for the parallel readiness probe of the members.", "", Unit::Milliseconds},
    {"distributed_cookie", Type::Text, "vmq", kSecret, Built::Works,
     "Secret that all nodes of a cluster share: whoever knows it can join. Make it long and "
     "random, "
     "keep vernemq.conf from other users, and let it be the same on all nodes."},
};

}  // namespace

const Section kNodeSection = {"Node", "The process as a whole.", kNodeSettings};
const Section kStoreSection = {"Message store", "What is kept on disk, and when it counts as kept.",
                               kStoreSettings};
const Section kClusterSection = {"Cluster", "Several nodes as one broker.", kClusterSettings};

}  // namespace vmq::config
