// SPDX-License-Identifier: Apache-2.0
//
// A fuzzer's input as calls: each takes its arguments from bytes of its own, so that what the fuzzer changes in one
// call leaves the others as they are. Included by the parts of fuzz_c_interface.
#ifndef ATTNSCOPE_TESTS_FUZZ_CALL_BYTES_H_
#define ATTNSCOPE_TESTS_FUZZ_CALL_BYTES_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <string_view>

namespace attnscope::fuzz {

// The bytes of one call. Behind their end there are zeros, and zeros ask for what is most ordinary.
class CallBytes {
 public:
  static constexpr size_t kBytes = 32;

  CallBytes(const uint8_t* data, size_t size) { std::memcpy(bytes_.data(), data, std::min(size, kBytes)); }

  uint8_t Next() { return position_ < kBytes ? bytes_[position_++] : uint8_t{0}; }
  size_t Below(size_t count) { return Next() % count; }
  // True for one byte in `share`, and not for zero.
  bool OneIn(int share) {
    const uint8_t byte = Next();
    return byte != 0 && byte % share == 0;
  }
  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return *std::next(values.begin(), static_cast<std::ptrdiff_t>(Below(values.size())));
  }
  // Any 64 bits.
  uint64_t Word() {
    uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = word << 8 | Next();
    return word;
  }
  // What has not been taken yet.
  std::string_view Rest() const {
    return {reinterpret_cast<const char*>(bytes_.data()) + position_, kBytes - position_};
  }

 private:
  std::array<uint8_t, kBytes> bytes_ = {};
  size_t position_ = 0;
};

// Of one seed always the same numbers (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // From 0 to 1, without 1.
  float Unit() { return static_cast<float>(Bits() >> 40) * 0x1p-24f; }

 private:
  uint64_t state_;
};

}  // namespace attnscope::fuzz

#endif  // ATTNSCOPE_TESTS_FUZZ_CALL_BYTES_H_
