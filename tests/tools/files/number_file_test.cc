// SPDX-License-Identifier: Apache-2.0
#include "tools/files/number_file.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using testing_tools::BytesOf;
using testing_tools::Npy;

class NumberFileTest : public testing_tools::TemporaryFolderTest {
 protected:
  NumberArray ReadArray(const std::string& bytes) const {
    NumberArray array;
    const Status status = ReadNumberFile(Write("numbers.npy", bytes), /*void_is_bfloat16=*/false, &array);
    EXPECT_TRUE(status.ok()) << status.message();
    return array;
  }
  void ExpectError(const std::string& bytes, const std::string& part) const {
    NumberArray array;
    const Status status = ReadNumberFile(Write("numbers.npy", bytes), /*void_is_bfloat16=*/false, &array);
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    EXPECT_TRUE(status.message().starts_with(Path("numbers.npy"))) << status.message();
    EXPECT_TRUE(array.shape.empty());
  }
};

TEST_F(NumberFileTest, ReadsEachType) {
  const std::vector<uint8_t> bytes = {0, 1, 1, 0, 1, 0};
  for (const char* const type : {"|b1", "|u1", "?"}) {
    const NumberArray array = ReadArray(Npy(type, {2, 3}, BytesOf(bytes)));
    EXPECT_EQ(array.bytes, bytes) << type;
    EXPECT_EQ(array.shape, (std::vector<size_t>{2, 3}));
    EXPECT_TRUE(array.whole.empty() && array.floats.empty());
  }
  const std::vector<int32_t> small = {-7, 0, 2147483647};
  EXPECT_EQ(ReadArray(Npy("<i4", {3}, BytesOf(small))).whole, (std::vector<int64_t>{-7, 0, 2147483647}));
  const std::vector<int64_t> large = {-7, int64_t{1} << 40};
  EXPECT_EQ(ReadArray(Npy("<i8", {2}, BytesOf(large))).whole, large);
  EXPECT_EQ(ReadArray(Npy(">i4", {1}, std::string("\0\0\1\2", 4))).whole, (std::vector<int64_t>{258}));
  EXPECT_EQ(ReadArray(Npy("|i1", {2}, "\xF9\7")).whole, (std::vector<int64_t>{-7, 7}));
  EXPECT_EQ(ReadArray(Npy("<i2", {2}, std::string("\xF9\xFF\0\1", 4))).whole, (std::vector<int64_t>{-7, 256}));
  EXPECT_EQ(ReadArray(Npy("<u2", {2}, std::string("\xF9\xFF\0\1", 4))).whole, (std::vector<int64_t>{65529, 256}));
  EXPECT_EQ(ReadArray(Npy("<u4", {1}, "\xFF\xFF\xFF\xFF")).whole, (std::vector<int64_t>{4294967295}));
  const std::vector<uint64_t> unsigned_large = {uint64_t{1} << 40, UINT64_MAX};
  EXPECT_EQ(ReadArray(Npy("<u8", {2}, BytesOf(unsigned_large))).whole,
            (std::vector<int64_t>{int64_t{1} << 40, INT64_MAX}));
  const std::vector<float> floats = {1.5f, -2.0f};
  EXPECT_EQ(ReadArray(Npy("<f4", {2}, BytesOf(floats))).floats, floats);
  const std::vector<double> doubles = {1.5, -1e300};
  EXPECT_EQ(ReadArray(Npy("<f8", {2}, BytesOf(doubles))).floats,
            (std::vector<float>{1.5f, -std::numeric_limits<float>::infinity()}));
  // 1.5, the lowest, the smallest below zero, infinity.
  const std::vector<uint16_t> halves = {0x3E00, 0xFBFF, 0x8001, 0x7C00};
  EXPECT_EQ(ReadArray(Npy("<f2", {4}, BytesOf(halves))).floats,
            (std::vector<float>{1.5f, -65504.0f, -0x1p-24f, std::numeric_limits<float>::infinity()}));
  const std::vector<uint16_t> brain = {0x3FC0, 0xC000};
  EXPECT_EQ(ReadArray(Npy("bfloat16", {2}, BytesOf(brain))).floats, floats);
  NumberArray void_array;
  const std::string void_file = Write("void.npy", Npy("<V2", {2}, BytesOf(brain)));
  EXPECT_FALSE(ReadNumberFile(void_file, /*void_is_bfloat16=*/false, &void_array).ok());
  EXPECT_TRUE(ReadNumberFile(void_file, /*void_is_bfloat16=*/true, &void_array).ok());
  EXPECT_EQ(void_array.floats, floats);
}

TEST_F(NumberFileTest, FortranOrderBecomesC) {
  const std::vector<uint8_t> bytes = {0, 3, 1, 4, 2, 5};
  std::string file = Npy("|u1", {2, 3}, BytesOf(bytes));
  const size_t at = file.find("'fortran_order': False");
  ASSERT_NE(at, std::string::npos);
  file.replace(at, 22, "'fortran_order': True ");
  EXPECT_EQ(ReadArray(file).bytes, (std::vector<uint8_t>{0, 1, 2, 3, 4, 5}));
}

TEST_F(NumberFileTest, RefusesOthers) {
  ExpectError(Npy("<c8", {1}, std::string(8, '\0')), "element type '<c8' is not supported");
  ExpectError(Npy("<i4", {2}, std::string(7, '\0')), "needs 8 bytes of elements, the file has 7");
  ExpectError(Npy("<i4", {2}, std::string(9, '\0')), "needs 8 bytes of elements, the file has 9");
  ExpectError("no array", "is no .npy array");
  ExpectError(Npy("<i4", {2}, std::string(8, '\0')).substr(0, 40), "is truncated within its header");
  ExpectError(Npy("<i8", {SIZE_MAX, 3}, ""), "more bytes than can be counted");
  NumberArray array;
  EXPECT_EQ(ReadNumberFile(Path("none.npy"), /*void_is_bfloat16=*/false, &array).code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace attnscope::tools
