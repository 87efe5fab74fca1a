#include "cluster/prefix_view.h"

#include <algorithm>
#include <utility>

namespace vmq::cluster {

void PrefixView::take(const News& news) {
  if (news.kind == NewsKind::Restart) {
    fresh_ = {};
    is_restarting_ = true;
  }
  State& state = is_restarting_ ? fresh_ : now_;
  for (const Change& change : news.changes) {
    if (change.value) {
      state.values[change.key] = *change.value;
    } else {
      state.values.erase(change.key);
    }
  }
  state.revision = std::max(state.revision, news.revision);
  if (news.kind != NewsKind::Complete) return;
  now_ = std::exchange(fresh_, {});
  now_.is_complete = true;
  is_restarting_ = false;
}

}  // namespace vmq::cluster
