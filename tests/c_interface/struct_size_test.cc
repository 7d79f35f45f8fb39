// SPDX-License-Identifier: Apache-2.0
//
// A struct that has grown, which no published one need have done yet: programs that know the first version, one in
// between, today's, and one of the future.
#include "c_interface/struct_size.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace attnscope::c_interface {

// A view as it was published, and the additions of two later versions.
struct GrownView {
  uint32_t struct_size;
  int32_t type;
  const void* data;
  uint64_t keys;
  // The second version.
  uint64_t window;
  // The third.
  const float* sinks;
  double masked_below;
};
constexpr size_t kFirst = 24;
constexpr size_t kSecond = 32;
template <>
inline constexpr size_t kFirstSize<GrownView> = kFirst;

namespace {

constexpr int kFiller = 0xA5;

// The bytes of a caller's struct, and as many behind, which nobody may touch.
struct Caller {
  explicit Caller(uint32_t size) : bytes(size + 64, static_cast<char>(kFiller)), size(size) {
    std::memcpy(bytes.data(), &size, sizeof(size));
  }
  GrownView* view() { return reinterpret_cast<GrownView*>(bytes.data()); }
  bool IsUntouchedFrom(size_t first) const {
    for (size_t i = first; i < bytes.size(); ++i) {
      if (bytes[i] != static_cast<char>(kFiller)) return false;
    }
    return true;
  }
  std::vector<char> bytes;
  size_t size;
};

GrownView Filled() {
  static const float sink = 1.0f;
  return {sizeof(GrownView), 2, &sink, 7, 128, &sink, -1e8};
}

TEST(StructSizeTest, OlderProgramsKeepDefaultsOfWhatTheyDoNotKnow) {
  for (const uint32_t size : {uint32_t{kFirst}, uint32_t{kSecond}, uint32_t{40}, uint32_t{sizeof(GrownView)}}) {
    Caller caller(size);
    const GrownView given = Filled();
    std::memcpy(caller.bytes.data() + 4, reinterpret_cast<const char*>(&given) + 4, size - 4);
    GrownView read = {sizeof(GrownView), 0, nullptr, 0, 4096, nullptr, -5.0};
    ASSERT_TRUE(ReadStruct("view", caller.view(), &read).ok());
    EXPECT_EQ(read.type, 2);
    EXPECT_EQ(read.keys, 7u);
    EXPECT_EQ(read.window, size >= kSecond ? 128u : 4096u) << size;
    EXPECT_EQ(read.sinks, size >= 40 ? given.sinks : nullptr) << size;
    EXPECT_EQ(read.masked_below, size >= sizeof(GrownView) ? -1e8 : -5.0) << size;
  }
}

TEST(StructSizeTest, OlderProgramsGetWhatTheyKnowAndNothingBehindIt) {
  for (uint32_t size = kFirst; size <= sizeof(GrownView); size += 8) {
    Caller caller(size);
    const GrownView filled = Filled();
    ASSERT_TRUE(WriteStruct("view", filled, caller.view()).ok());
    EXPECT_EQ(caller.view()->struct_size, size);
    EXPECT_EQ(std::memcmp(caller.bytes.data() + 4, reinterpret_cast<const char*>(&filled) + 4, size - 4), 0);
    EXPECT_TRUE(caller.IsUntouchedFrom(size)) << size;
  }
}

// With the address sanitizer, no byte behind the struct is read either.
TEST(StructSizeTest, NothingBehindIsRead) {
  for (uint32_t size = kFirst; size <= sizeof(GrownView) + 24; size += 8) {
    const auto exact = std::make_unique<char[]>(size);
    std::memset(exact.get(), 0, size);
    std::memcpy(exact.get(), &size, sizeof(size));
    GrownView read = {};
    EXPECT_TRUE(ReadStruct("view", reinterpret_cast<const GrownView*>(exact.get()), &read).ok()) << size;
    EXPECT_TRUE(WriteStruct("view", Filled(), reinterpret_cast<GrownView*>(exact.get())).ok()) << size;
  }
}

TEST(StructSizeTest, NewerProgramsMustLeaveUnknownFieldsZero) {
  constexpr uint32_t kSize = sizeof(GrownView) + 16;
  Caller caller(kSize);
  std::memset(caller.bytes.data() + 4, 0, kSize - 4);
  GrownView read = Filled();
  EXPECT_TRUE(ReadStruct("view", caller.view(), &read).ok());
  for (size_t at = sizeof(GrownView); at < kSize; ++at) {
    caller.bytes[at] = 1;
    GrownView kept = Filled();
    const Status status = ReadStruct("view", caller.view(), &kept);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), std::string("view sets fields that attnscope ") + AttnscopeVersion() +
                                    " does not know: byte " + std::to_string(at) + " is not zero");
    EXPECT_EQ(kept.keys, 7u) << "a refused struct changes nothing";
    caller.bytes[at] = 0;
  }
}

TEST(StructSizeTest, NewerProgramsGetZerosForUnknownFields) {
  constexpr uint32_t kSize = sizeof(GrownView) + 16;
  Caller caller(kSize);
  ASSERT_TRUE(WriteStruct("view", Filled(), caller.view()).ok());
  for (size_t at = sizeof(GrownView); at < kSize; ++at) EXPECT_EQ(caller.bytes[at], 0) << at;
  EXPECT_TRUE(caller.IsUntouchedFrom(kSize));
}

TEST(StructSizeTest, SizesThatNoVersionHadAreRefused) {
  for (const uint32_t size : {0u, 4u, 8u, 16u, 23u, 25u, 36u, 4100u, 4104u, UINT32_MAX}) {
    Caller caller(64);
    std::memcpy(caller.bytes.data(), &size, sizeof(size));
    GrownView read = Filled();
    const std::string message =
        "view->struct_size is " + std::to_string(size) + ", expected the struct's sizeof, here 48";
    EXPECT_EQ(ReadStruct("view", caller.view(), &read).message(), message);
    EXPECT_EQ(WriteStruct("view", Filled(), caller.view()).message(), message);
    EXPECT_TRUE(caller.IsUntouchedFrom(4)) << size;
  }
  GrownView read = {};
  EXPECT_EQ(ReadStruct<GrownView>("view", nullptr, &read).message(), "view is null");
  EXPECT_EQ(WriteStruct<GrownView>("out", Filled(), nullptr).message(), "out is null");
}

}  // namespace
}  // namespace attnscope::c_interface
