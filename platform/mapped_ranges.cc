// SPDX-License-Identifier: Apache-2.0
#include "platform/mapped_ranges.h"

#include <functional>
#include <mutex>
#include <utility>

namespace attnscope::platform {
namespace {

std::mutex changes;
std::atomic<MappedRange*> first{nullptr};

}  // namespace

MappedRange::MappedRange(std::string path, Bytes bytes) : path_(std::move(path)), bytes_(bytes) {
  const std::lock_guard<std::mutex> lock(changes);
  next_ = first.load();
  first = this;
}

MappedRange::~MappedRange() {
  const std::lock_guard<std::mutex> lock(changes);
  std::atomic<MappedRange*>* link = &first;
  while (*link != this) link = &link->load()->next_;
  *link = next_.load();
}

const MappedRange* MappedRange::Find(const void* address) {
  const auto* const byte = static_cast<const uint8_t*>(address);
  for (const MappedRange* range = first; range != nullptr; range = range->next_) {
    // Plain < is for pointers into one array.
    const std::less<> less;
    if (!less(byte, range->bytes_.data()) && less(byte, range->bytes_.data() + range->bytes_.size())) return range;
  }
  return nullptr;
}

}  // namespace attnscope::platform
