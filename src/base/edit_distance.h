// How far two words are apart, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace vmq {

// Edits (insert, delete, replace, swap of neighbours) from a to b, or anything above `most` when
// there are more.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most);

}  // namespace vmq
