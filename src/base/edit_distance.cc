#include "base/edit_distance.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace vmq {

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
  // A distance is at least the difference in length.
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > most) return most + 1;
  std::vector<std::size_t> cells(3 * (b.size() + 1), most + 1);
  std::size_t* before = cells.data();
  std::size_t* last = before + b.size() + 1;
  std::size_t* row = last + b.size() + 1;
  for (std::size_t j = 0; j <= std::min(b.size(), most); ++j) last[j] = j;
  std::size_t least_of_last = 0;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    // Further than `most` off the diagonal there is nothing that counts.
    const std::size_t begin = i > most ? i - most : 1;
    const std::size_t end = std::min(b.size(), i + most);
    row[begin - 1] = begin == 1 ? i : most + 1;
    if (end < b.size()) row[end + 1] = most + 1;
    std::size_t least = row[begin - 1];
    for (std::size_t j = begin; j <= end; ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      std::size_t cost = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) cost = std::min(cost, before[j - 2] + 1);
      row[j] = cost;
      least = std::min(least, cost);
    }
    // A swap looks two rows back, so only two rows above the bound end the search.
    if (least > most && least_of_last > most) return most + 1;
    least_of_last = least;
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace vmq
