// SPDX-License-Identifier: Apache-2.0
//
// What is said of a page that cannot be read, made without allocation, lock or stdio: within handlers of faults.
#ifndef ATTNSCOPE_PLATFORM_PAGE_MESSAGE_H_
#define ATTNSCOPE_PLATFORM_PAGE_MESSAGE_H_

#include <array>
#include <cstddef>
#include <string_view>

#include "platform/mapped_ranges.h"

namespace attnscope::platform {

// What may be shown of a character of a name from a hostile file: control characters, which act on terminals, become
// question marks.
constexpr char Printable(char c) {
  const auto byte = static_cast<unsigned char>(c);  // plain char has a sign on x86 and none on Arm
  return (byte < ' ' && c != '\n') || c == '\x7F' ? '?' : c;
}

// One line: the program, the file, the offset of `address`, and why.
class PageMessage {
 public:
  PageMessage(const MappedRange& range, const void* address);

  std::string_view text() const { return {text_.data(), size_}; }

 private:
  // Of at most the longest path and some words; more is cut.
  void Add(std::string_view text);
  void Add(size_t number);

  std::array<char, 4600> text_;
  size_t size_ = 0;
};

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_PAGE_MESSAGE_H_
