// SPDX-License-Identifier: Apache-2.0
//
// What the kernels by themselves refuse: each message names the argument and its value, and outputs stay what they
// were. Nothing is allocated where nothing is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "attnscope/kernels.h"
#include "attnscope/limits.h"
#include "tests/support/call_counts.h"

namespace attnscope::test {
namespace {

constexpr float kWeights[12] = {0.25f, 0.25f, 0.25f, 0.25f, 1.0f, 0.0f, 0.0f, 0.0f, 0.5f, 0.5f, 0.0f, 0.0f};

kernels::Rows Good() { return kernels::ContiguousRows(kWeights, ElementType::kFloat32, 3, 4); }

// Every kernel on the same rows, with outputs for three of four columns.
struct Outputs {
  double numbers[12];
  float values[12];
  uint32_t indices[12];
  std::vector<char> workspace = std::vector<char>(kernels::MeasureRowsBytes(4));

  Outputs() {
    std::fill(std::begin(numbers), std::end(numbers), -7.0);
    std::fill(std::begin(values), std::end(values), -7.0f);
    std::fill(std::begin(indices), std::end(indices), 77u);
  }
  bool Untouched() const {
    for (const double number : numbers) {
      if (number != -7.0) return false;
    }
    for (const float value : values) {
      if (value != -7.0f) return false;
    }
    for (const uint32_t index : indices) {
      if (index != 77) return false;
    }
    return true;
  }
};

using Kernel = std::function<Status(const kernels::Rows&, Outputs&)>;

struct NamedKernel {
  const char* name;
  const char* rows;  // what it calls its rows
  Kernel run;
};

const std::vector<NamedKernel>& AllKernels() {
  using kernels::Rows;
  static const std::vector<NamedKernel> all = {
      {"RowEntropy", "weights", [](const Rows& r, Outputs& o) { return kernels::RowEntropy(r, o.numbers); }},
      {"RowExpEntropy", "weights", [](const Rows& r, Outputs& o) { return kernels::RowExpEntropy(r, o.numbers); }},
      {"RowMax", "weights", [](const Rows& r, Outputs& o) { return kernels::RowMax(r, o.numbers); }},
      {"TopKMass", "weights", [](const Rows& r, Outputs& o) { return kernels::TopKMass(r, 2, o.numbers); }},
      {"TopK", "numbers", [](const Rows& r, Outputs& o) { return kernels::TopK(r, 2, o.values, o.indices); }},
      {"ColumnSums", "weights", [](const Rows& r, Outputs& o) { return kernels::ColumnSums(r, o.numbers); }},
      {"ColumnMax", "weights", [](const Rows& r, Outputs& o) { return kernels::ColumnMax(r, o.numbers); }},
      {"MeasureRows", "weights",
       [](const Rows& r, Outputs& o) {
         kernels::RowMeasures measures;
         measures.entropy_nats = o.numbers;
         measures.column_sums = o.numbers + 4;
         return kernels::MeasureRows(r, o.workspace.data(), o.workspace.size(), measures);
       }},
      {"SoftmaxEntropy", "logits",
       [](const Rows& r, Outputs& o) {
         return kernels::SoftmaxEntropy(r, 1.0, {o.numbers, o.numbers + 4, 2, o.values, o.indices});
       }},
      {"SquaredNorm", "numbers", [](const Rows& r, Outputs& o) { return kernels::SquaredNorm(r, o.numbers); }},
      {"SquaredDistance", "from",
       [](const Rows& r, Outputs& o) { return kernels::SquaredDistance(r, Good(), o.numbers); }},
  };
  return all;
}

void ExpectRefused(const NamedKernel& kernel, const kernels::Rows& rows, const std::string& message) {
  Outputs outputs;
  const Status status = kernel.run(rows, outputs);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << kernel.name;
  EXPECT_NE(status.message().find(message), std::string::npos) << kernel.name << ": " << status.message();
  EXPECT_TRUE(outputs.Untouched()) << kernel.name;
}

TEST(KernelErrorsTest, Rows) {
  for (const NamedKernel& kernel : AllKernels()) {
    const std::string name = kernel.rows;
    kernels::Rows rows = Good();
    rows.data = nullptr;
    ExpectRefused(kernel, rows, name + ".data is null, but there are 12 elements");
    rows = Good();
    rows.type = static_cast<ElementType>(9);
    ExpectRefused(kernel, rows, name + ".type is 9, not an ElementType");
    rows = Good();
    rows.columns = kMaxKeys + 1;
    ExpectRefused(kernel, rows, name + ".columns is 2147483648, expected at most 2147483647");
    rows = Good();
    rows.row_stride = std::numeric_limits<int64_t>::min();
    ExpectRefused(kernel, rows, name + " overflows: rows is 3 with stride -9223372036854775808");
  }
}

TEST(KernelErrorsTest, OtherArguments) {
  using kernels::Rows;
  const auto refuses = [](const Status& status, const std::string& message) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  };
  double numbers[4];
  refuses(kernels::RowEntropy(Good(), nullptr), "entropy_nats is null, but there are 3 of it");
  refuses(kernels::RowExpEntropy(Good(), nullptr), "exp_entropy is null");
  refuses(kernels::RowMax(Good(), nullptr), "max is null, but there are 3 of it");
  refuses(kernels::ColumnSums(Good(), nullptr), "sums is null, but there are 4 of it");
  refuses(kernels::ColumnMax(Good(), nullptr), "max is null, but there are 4 of it");
  refuses(kernels::TopKMass(Good(), 2, nullptr), "mass is null");
  refuses(kernels::TopKMass(Good(), 0, numbers), "k is 0, expected 1 to 1024");
  refuses(kernels::TopK(Good(), 1025, nullptr, nullptr), "k is 1025, expected 1 to 1024");
  refuses(kernels::SoftmaxEntropy(Good(), 1.0, {.k = 1025}), "outputs.k is 1025, expected 0 to 1024");
  for (const double scale : {0.0, -1.0, HUGE_VAL, std::nan("")}) {
    refuses(kernels::SoftmaxEntropy(Good(), scale, {}), "expected a finite number above zero");
  }
  std::vector<char> workspace(kernels::MeasureRowsBytes(4));
  refuses(kernels::MeasureRows(Good(), nullptr, workspace.size(), {}), "workspace is null");
  refuses(kernels::MeasureRows(Good(), workspace.data(), workspace.size() - 1, {}),
          "workspace_bytes is " + std::to_string(workspace.size() - 1));
  refuses(kernels::SquaredNorm(Good(), nullptr), "squares is null");
  Rows other = Good();
  other.columns = 3;
  refuses(kernels::SquaredDistance(Good(), other, numbers), "to is [3, 3], but from is [3, 4]");
  other = Good();
  other.type = ElementType::kBFloat16;
  refuses(kernels::SquaredDistance(Good(), other, numbers), "to.type is 2, but from.type is 0");
}

// Rows without columns, and no rows, are fine, also where nothing is pointed at.
TEST(KernelErrorsTest, NoElements) {
  for (const NamedKernel& kernel : AllKernels()) {
    if (std::string(kernel.name) == "SquaredDistance") continue;
    Outputs outputs;
    EXPECT_TRUE(kernel.run({nullptr, ElementType::kFloat32, 3, 0, 0}, outputs).ok()) << kernel.name;
    Outputs untouched;
    kernels::Rows none = {nullptr, ElementType::kFloat32, 0, 0, 4};
    EXPECT_TRUE(kernel.run(none, untouched).ok()) << kernel.name;
    EXPECT_TRUE(untouched.Untouched()) << kernel.name;
  }
  double sums[4] = {1.0, 1.0, 1.0, 1.0};
  ASSERT_TRUE(kernels::ColumnSums({nullptr, ElementType::kFloat32, 0, 4, 4}, sums).ok());
  for (const double sum : sums) EXPECT_EQ(sum, 0.0);
}

// The stride of one row may be anything, and that of many zero: the same row again and again.
TEST(KernelErrorsTest, Strides) {
  double entropy[3];
  ASSERT_TRUE(kernels::RowEntropy({kWeights, ElementType::kFloat32, 1, 4, INT64_MIN}, entropy).ok());
  ASSERT_TRUE(kernels::RowEntropy({kWeights, ElementType::kFloat32, 3, 4, 0}, entropy).ok());
  EXPECT_TRUE(entropy[0] == std::log(4.0) && entropy[1] == entropy[0] && entropy[2] == entropy[0]);
}

TEST(KernelErrorsTest, NothingIsAllocated) {
  for (const NamedKernel& kernel : AllKernels()) {
    Outputs outputs;
    ASSERT_TRUE(kernel.run(Good(), outputs).ok());  // chooses the target
    EXPECT_EQ(AllocationsOf([&] { EXPECT_TRUE(kernel.run(Good(), outputs).ok()); }), 0u) << kernel.name;
  }
}

}  // namespace
}  // namespace attnscope::test
