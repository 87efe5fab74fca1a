// mosquitto's ACL and password files as ours.
#pragma once

#include <string>
#include <string_view>

#include "migrate/mosquitto.h"

namespace vmq::migrate {

// `are_anonymous_admitted`: what stands before the first user line is in mosquitto for clients
// without a user name, and here for everybody; so it is kept only where such clients are admitted.
std::string migrate_acl(std::string_view text, const std::string& file, bool are_anonymous_admitted,
                        Remarks& remarks);

// Lines that we cannot check a password with become comments.
std::string migrate_passwords(std::string_view text, const std::string& file, Remarks& remarks);

// Whether some topic matches both filters; a substitution such as %u stands for any level.
bool filters_meet(std::string_view left, std::string_view right);

}  // namespace vmq::migrate
