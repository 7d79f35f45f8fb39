// SPDX-License-Identifier: Apache-2.0
//
// Memory between two unreadable pages: a kernel that reads or writes one byte outside of its buffer is stopped by the
// processor. Included by the tests of kernels.
#ifndef ATTNSCOPE_TESTS_SUPPORT_GUARDED_BUFFER_H_
#define ATTNSCOPE_TESTS_SUPPORT_GUARDED_BUFFER_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace attnscope::test {

// One placement at a time. The bytes beside it, on the side without a guard, hold 0xFF, which is NaN in every element
// type, so that what reads them by accident shows; SlackIntact says whether they still do.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t capacity_bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (capacity_bytes + page) / page * page;
    mapped_bytes_ = bytes_ + 2 * page;
    void* mapped = mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) std::abort();
    mapped_ = static_cast<uint8_t*>(mapped);
    begin_ = mapped_ + page;
    if (mprotect(begin_, bytes_, PROT_READ | PROT_WRITE) != 0) std::abort();
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  ~GuardedBuffer() { munmap(mapped_, mapped_bytes_); }

  // `bytes` zeroed bytes that end where the unreadable page begins.
  void* PlaceAtEnd(size_t bytes) {
    slack_bytes_ = std::min(kSlackBytes, bytes_ - bytes);
    slack_ = begin_ + bytes_ - bytes - slack_bytes_;
    std::memset(slack_, kCanary, slack_bytes_);
    return std::memset(begin_ + bytes_ - bytes, 0, bytes);
  }

  // `bytes` zeroed bytes that begin `offset` bytes behind the unreadable page.
  void* PlaceAtFront(size_t bytes, size_t offset = 0) {
    slack_ = begin_ + offset + bytes;
    slack_bytes_ = std::min(kSlackBytes, bytes_ - bytes - offset);
    std::memset(begin_, kCanary, offset);
    std::memset(slack_, kCanary, slack_bytes_);
    return std::memset(begin_ + offset, 0, bytes);
  }

  bool SlackIntact() const {
    return std::all_of(slack_, slack_ + slack_bytes_, [](uint8_t byte) { return byte == kCanary; });
  }

 private:
  static constexpr uint8_t kCanary = 0xFF;
  static constexpr size_t kSlackBytes = 512;  // two of the longest vectors

  uint8_t* mapped_ = nullptr;
  size_t mapped_bytes_ = 0;
  uint8_t* begin_ = nullptr;
  size_t bytes_ = 0;
  uint8_t* slack_ = nullptr;
  size_t slack_bytes_ = 0;
};

}  // namespace attnscope::test

#endif  // ATTNSCOPE_TESTS_SUPPORT_GUARDED_BUFFER_H_
