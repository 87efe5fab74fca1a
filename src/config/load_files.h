// The loader that reads real files. The only part of this room that touches the world.
#pragma once

#include "config/parser.h"

namespace vmq::config {

FileLoader real_files();

}  // namespace vmq::config
