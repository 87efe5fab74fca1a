#include "store/rows.h"

#include "base/expect.h"

namespace vmq::store {

void Rows::add(const Row& row) {
  entries_.push_back({buffer_.size(), static_cast<std::uint32_t>(row.key.size()),
                      static_cast<std::uint32_t>(row.value.size()), row.version, row.state});
  buffer_.insert(buffer_.end(), row.key.begin(), row.key.end());
  buffer_.insert(buffer_.end(), row.value.begin(), row.value.end());
}

Row Rows::operator[](std::size_t index) const {
  VMQ_EXPECT(index < entries_.size());
  const Entry& entry = entries_[index];
  const std::uint8_t* key = buffer_.data() + entry.start;
  return {
      {key, entry.key_size}, {key + entry.key_size, entry.value_size}, entry.version, entry.state};
}

}  // namespace vmq::store
