// SPDX-License-Identifier: Apache-2.0
#include "platform/page_message.h"

#include <charconv>
#include <cstdint>

namespace attnscope::platform {

PageMessage::PageMessage(const MappedRange& range, const void* address) {
  Add("attnscope: ");
  Add(range.path());
  Add(": byte ");
  Add(static_cast<size_t>(static_cast<const uint8_t*>(address) - range.bytes().data()));
  Add(" of ");
  Add(range.bytes().size());
  Add(" cannot be read: someone truncated the file meanwhile, or its device failed\n");
}

void PageMessage::Add(std::string_view text) {
  for (const char c : text) {
    if (size_ == text_.size()) return;
    text_[size_++] = Printable(c);
  }
}

void PageMessage::Add(size_t number) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  Add({digits.data(), static_cast<size_t>(end.ptr - digits.data())});
}

}  // namespace attnscope::platform
