#include "config/settings.h"

namespace vmq::config {

namespace {

constexpr Setting kEtcdSettings[] = {
    {"metadata.etcd.endpoints", Type::List, "[]", kCommented | kOurs, Built::Works,
     "HOST:PORT of the members of an etcd cluster of your own (3.4 or later), the preferred one "
     "first; the same cluster on all nodes. Empty: the nodes run etcd themselves as soon as there "
     "are two of them; a lone node needs none."},
    {"metadata.etcd.cafile", Type::File, kUnset, kCommented | kOurs, Built::Works,
     "Certificates that those of metadata.etcd.endpoints are checked against. Unset: no TLS. The "
     "etcd that the nodes run themselves always has TLS, from an authority that the cluster makes "
     "for itself."},
    {"metadata.etcd.certfile", Type::File, kUnset, kCommented | kOurs, Built::Works,
     "Certificate that this node shows to metadata.etcd.endpoints."},
    {"metadata.etcd.keyfile", Type::File, kUnset, kCommented | kOurs, Built::Works,
     "Key of metadata.etcd.certfile."},
    {"metadata.etcd.prefix", Type::Text, "/vernemq/", kCommented | kOurs, Built::Works,
     "What the keys of this cluster begin with in etcd: clusters that share an etcd need different "
     "ones."},
    {"metadata.etcd.lease", Type::DurationText, "2s", kCommented | kOurs, Built::Works,
     "How long a node may be silent before the others take over what it owned. Rounded up to whole "
     "seconds; an etcd of your own may grant no less than two. A node that is held up for longer, "
     "by its disk or its neighbours on the machine, refuses clients for a moment.",
     "", Unit::Milliseconds, 1000, 600000},
    {"metadata.etcd.program", Type::Text, "etcd", kCommented | kOurs, Built::Works,
     "The etcd that nodes run themselves: a path, or a name to be found in PATH."},
    {"metadata.etcd.directory", Type::Directory, "$(platform_data_dir)/etcd", kCommented | kOurs,
     Built::Works, "Directory of our own etcd, and of the cluster's certificates and keys."},
    {"metadata.etcd.host", Type::Text, "", kCommented | kOurs, Built::Works,
     "Name or address by which the other nodes reach our own etcd. Empty: the HOST of nodename."},
    {"metadata.etcd.listen_address", Type::Text, "0.0.0.0", kCommented | kOurs, Built::Works,
     "IP address that our own etcd listens on. Only certificates of the cluster get in."},
    {"metadata.etcd.client_port", Type::Int, "44055", kCommented | kOurs, Built::Works,
     "Port of our own etcd for the nodes of the cluster.", "", Unit::None, 1, 65535},
    {"metadata.etcd.peer_port", Type::Int, "44056", kCommented | kOurs, Built::Works,
     "Port of our own etcd for the etcd of other nodes.", "", Unit::None, 1, 65535},
    {"metadata.etcd.voters", Type::Int, "0", kCommented | kOurs, Built::Works,
     "How many nodes run an etcd that votes; 1, 3 or 5. The others are its clients. 0: both of two "
     "nodes, three from three nodes on, five from seven on.",
     "", Unit::None, 0, 5},
    {"metadata.etcd.replace_after", Type::DurationText, "5m", kCommented | kOurs, Built::Works,
     "How long a node that votes may be away before another one takes its place. Longer than a "
     "reboot.",
     "", Unit::Milliseconds, 1000, 86400000},
    {"metadata.etcd.quota", Type::Bytes, "8GB", kCommented | kOurs, Built::Works,
     "Largest size of the files of our own etcd; above it nothing is written until space is "
     "regained.",
     "", Unit::Bytes, 1 << 20},
};

}  // namespace

const Section kEtcdSection = {
    "Cluster metadata",
    "What all nodes agree on (members, owners of clients, API keys) is kept by etcd.",
    kEtcdSettings};

}  // namespace vmq::config
