// SPDX-License-Identifier: Apache-2.0
#include "tests/support/row_output_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/support/compare.h"
#include "tests/support/elements.h"
#include "tests/support/exact_logits.h"
#include "tests/support/oracle.h"
#include "tests/support/visibility_oracle.h"

namespace attnscope::test {
namespace {

constexpr uint8_t kUnwritten = 0xA5;
constexpr long double kLeastDouble = std::numeric_limits<double>::min();
constexpr long double kNaN = std::numeric_limits<long double>::quiet_NaN();

// What one row sees and gives, and what is known of the error of its weights.
struct RowAsGiven {
  bool invalid = false;
  std::vector<long double> weights = {};
  std::vector<size_t> columns = {};  // of each weight
  __int128 position = 0;             // of the row's query
  __int128 first_key = 0;            // of the sequence, and behind its last key
  __int128 end_key = 0;
  long double relative_error = 0.0L;  // of one weight
  const ExactSoftmax* softmax = nullptr;
  long double logit_error = 0.0L;
};

RowAsGiven PlaceOf(const Visibility& visibility, const MatrixSizes& sizes, size_t sequence, size_t row) {
  RowAsGiven given;
  given.position = OffsetOf(visibility, sizes, sequence) + static_cast<__int128>(row);
  given.first_key = static_cast<__int128>(FirstColumnOf(visibility, sequence));
  for (size_t key = 0; key < sizes.keys; ++key) {
    given.end_key = std::max<__int128>(given.end_key, ColumnOf(visibility, sequence, key) + 1);
  }
  if (visibility.key_lengths != nullptr) {
    given.end_key = std::min<__int128>(given.end_key, visibility.key_lengths[sequence]);
  }
  return given;
}

// 0 where the row does not see the key.
long double WeightOfColumn(const RowAsGiven& given, __int128 column) {
  long double weight = 0.0L;
  for (size_t i = 0; i < given.weights.size(); ++i) {
    if (static_cast<__int128>(given.columns[i]) == column) weight = given.weights[i];
  }
  return weight;
}

long double WeightOfKey(const RowAsGiven& given, __int128 position) {
  if (position < given.first_key || position >= given.end_key) return kNaN;
  return WeightOfColumn(given, position);
}

// One row's outputs against their row of the oracle.
class RowComparison {
 public:
  RowComparison(const RowBuffers& rows, size_t sequence, size_t head, size_t row, const std::string& what)
      : rows_(rows),
        sequence_(sequence),
        head_(head),
        row_(row),
        what_(what + ", row [" + std::to_string(sequence) + ", " + std::to_string(head) + ", " + std::to_string(row) +
              "]") {}

  void Compare(const RowAsGiven& given) const {
    const ExactRow exact = ExactRowOf(given.weights);
    const bool invalid = given.invalid || exact.invalid;
    if (invalid || !exact.measured()) return ExpectUnmeasured(invalid ? -1.0 : static_cast<double>(exact.visible));
    const long double mass = 2e-6L + given.relative_error;
    Expect("entropy", exact.entropy, exact.entropy_bound() + 4.0L * given.relative_error * LogOf(exact.visible));
    Expect("effective_rank", exact.effective_rank(),
           exact.effective_rank_bound() + 4.0L * given.relative_error * LogOf(exact.visible) * exact.effective_rank() +
               kLeastDouble);
    Expect("row_sum", exact.sum, mass * exact.sum);
    Expect("top5", exact.top5, mass * exact.top5);
    Expect("top10", exact.top10, mass * exact.top10);
    Expect("top50", exact.top50, mass * exact.top50);
    Expect("visible_keys", static_cast<long double>(exact.visible), 0.0L);
    const bool is_exact = given.softmax == nullptr;
    Expect("max_weight", exact.max, is_exact ? 0.0L : mass * exact.max);
    ExpectWeight("first_token_weight", WeightOfColumn(given, given.first_key), is_exact ? 0.0L : mass);
    ExpectWeight("self_weight", WeightOfKey(given, given.position), is_exact ? 0.0L : mass);
    ExpectWeight("previous_weight", WeightOfKey(given, given.position - 1), is_exact ? 0.0L : mass);
    CompareArgmax(given, exact, is_exact ? 0.0L : mass);
    CompareLogits(given);
  }

 private:
  static long double LogOf(size_t keys) { return std::log(static_cast<long double>(std::max<size_t>(keys, 3))); }

  double Get(const std::string& name) const {
    for (size_t i = 0; i < RowBuffers::kOutputs; ++i) {
      if (RowBuffers::NameOf(i) == name) return rows_.Get(i, sequence_, head_, row_);
    }
    ADD_FAILURE() << name << " is no output";
    return 0.0;
  }

  void Expect(const std::string& name, long double expected, long double bound) const {
    EXPECT_TRUE(Within(Get(name), expected, bound)) << name << " of " << what_;
  }

  void ExpectWeight(const std::string& name, long double expected, long double relative) const {
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(Get(name))) << name << " of " << what_ << " is " << Get(name);
      return;
    }
    Expect(name, expected, relative == 0.0L ? 0.0L : relative * expected + 1e-37L);
  }

  void ExpectUnmeasured(double visible) const {
    for (size_t i = 0; i < RowBuffers::kOutputs; ++i) {
      const std::string name = RowBuffers::NameOf(i);
      const double value = rows_.Get(i, sequence_, head_, row_);
      if (name == "visible_keys") {
        EXPECT_EQ(value, visible) << name << " of " << what_;
      } else if (name == "argmax") {
        EXPECT_EQ(value, -1.0) << name << " of " << what_;
      } else {
        EXPECT_TRUE(std::isnan(value)) << name << " of " << what_ << " is " << value;
      }
    }
  }

  // Weights made of logits may be equal where exact ones are not.
  void CompareArgmax(const RowAsGiven& given, const ExactRow& exact, long double relative) const {
    const double argmax = Get("argmax");
    size_t expected = SIZE_MAX;
    for (size_t i = 0; i < given.weights.size(); ++i) {
      if (given.weights[i] == exact.max) expected = std::min(expected, given.columns[i]);
    }
    if (relative == 0.0L) {
      EXPECT_EQ(argmax, static_cast<double>(expected)) << "argmax of " << what_;
      return;
    }
    EXPECT_GE(argmax, 0.0) << "argmax of " << what_;
    EXPECT_GE(WeightOfColumn(given, static_cast<__int128>(argmax)), exact.max * (1.0L - 2.0L * relative))
        << "argmax of " << what_ << " is " << argmax << ", exact is " << expected;
  }

  void CompareLogits(const RowAsGiven& given) const {
    if (given.softmax == nullptr) {
      EXPECT_TRUE(std::isnan(Get("logsumexp"))) << what_;
      EXPECT_TRUE(std::isnan(Get("max_logit"))) << what_;
      return;
    }
    const ExactSoftmax& row = *given.softmax;
    const auto bound = [&](long double value) {
      return 1e-6L * std::max(1.0L, std::abs(value)) + 1e-7L * row.max_abs + given.logit_error;
    };
    Expect("logsumexp", row.log_sum_exp, bound(row.log_sum_exp));
    Expect("max_logit", row.max, bound(row.max));
  }

  const RowBuffers& rows_;
  size_t sequence_;
  size_t head_;
  size_t row_;
  std::string what_;
};

// Compares the rows of one matrix of logits.
void CompareLogitRows(const MatrixSizes& sizes, const SoftmaxParams& params, size_t sequence, size_t head,
                      const std::vector<std::vector<long double>>& logits, long double error, const RowBuffers& rows,
                      const std::string& what) {
  std::vector<ExactSoftmax> softmax;
  const std::vector<ExactWeights> weights = ExactWeightsOf(sizes, params, sequence, head, logits, &softmax);
  for (size_t row = 0; row < sizes.queries; ++row) {
    RowAsGiven given = PlaceOf(params.mask, sizes, sequence, row);
    given.weights = weights[row].weights;
    given.columns = weights[row].columns;
    given.invalid = !softmax[row].valid;
    given.relative_error = 2.0L * error;
    given.logit_error = error;
    given.softmax = &softmax[row];
    RowComparison(rows, sequence, head, row, what).Compare(given);
  }
}

}  // namespace

RowBuffers::RowBuffers(const Shape& shape) : shape_(shape) {
  strides_[2] = 1;
  strides_[1] = static_cast<int64_t>(shape.queries);
  strides_[0] = static_cast<int64_t>(shape.heads * shape.queries);
  Allocate();
}

RowBuffers::RowBuffers(const Shape& shape, bool narrow, Random& random) : shape_(shape), narrow_(narrow) {
  const size_t sizes[3] = {shape.batch, shape.heads, shape.queries};
  size_t order[3] = {2, 1, 0};
  for (size_t i = 2; i > 0; --i) std::swap(order[i], order[random.Below(i + 1)]);
  int64_t stride = 1;
  for (const size_t dimension : order) {
    stride += static_cast<int64_t>(random.Below(3));
    strides_[dimension] = random.Below(3) == 0 ? -stride : stride;
    stride *= static_cast<int64_t>(sizes[dimension]);
  }
  Allocate();
}

void RowBuffers::Allocate() {
  const size_t sizes[3] = {shape_.batch, shape_.heads, shape_.queries};
  int64_t low = 0;
  int64_t high = 0;
  for (size_t i = 0; i < 3; ++i) {
    const int64_t reach = strides_[i] * static_cast<int64_t>(sizes[i] - 1);
    (reach < 0 ? low : high) += reach;
  }
  constexpr int64_t kBeyond = 5;
  first_ = kBeyond - low;
  elements_ = static_cast<size_t>(high - low + 1 + 2 * kBeyond);
  memory_.assign(kOutputs, std::vector<double>(elements_));
  for (std::vector<double>& memory : memory_) std::memset(memory.data(), kUnwritten, elements_ * sizeof(double));
}

RowOutputs RowBuffers::From(size_t first_row) {
  RowOutputs outputs;
  outputs.batch_stride = strides_[0];
  outputs.head_stride = strides_[1];
  outputs.query_stride = strides_[2];
  const int64_t first = first_ + static_cast<int64_t>(first_row) * strides_[2];
  for (size_t i = 0; i < kOutputs; ++i) {
    RowBuffer& to = i < kRowOutputs.size() ? outputs.*kRowOutputs[i].buffer : outputs.top_mass[i - kRowOutputs.size()];
    void* memory = memory_[i].data();
    if (IsWholeNumber(i)) {
      to =
          narrow_ ? RowBuffer(static_cast<int32_t*>(memory) + first) : RowBuffer(static_cast<int64_t*>(memory) + first);
    } else {
      to = narrow_ ? RowBuffer(static_cast<float*>(memory) + first) : RowBuffer(static_cast<double*>(memory) + first);
    }
  }
  return outputs;
}

size_t RowBuffers::Element(size_t sequence, size_t head, size_t row) const {
  return static_cast<size_t>(first_ + static_cast<int64_t>(sequence) * strides_[0] +
                             static_cast<int64_t>(head) * strides_[1] + static_cast<int64_t>(row) * strides_[2]);
}

double RowBuffers::Load(size_t index, size_t element) const {
  const auto load = [&](auto value) {
    std::memcpy(&value, reinterpret_cast<const uint8_t*>(memory_[index].data()) + element * sizeof(value),
                sizeof(value));
    return static_cast<double>(value);
  };
  if (IsWholeNumber(index)) return narrow_ ? load(int32_t{}) : load(int64_t{});
  return narrow_ ? load(float{}) : load(double{});
}

double RowBuffers::Get(size_t index, size_t sequence, size_t head, size_t row) const {
  return Load(index, Element(sequence, head, row));
}

std::vector<double> RowBuffers::Numbers() const {
  std::vector<double> numbers;
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t row = 0; row < shape_.batch * shape_.heads * shape_.queries; ++row) {
      const size_t matrix = row / shape_.queries;
      numbers.push_back(Get(i, matrix / shape_.heads, matrix % shape_.heads, row % shape_.queries));
    }
  }
  return numbers;
}

bool RowBuffers::IsUnwritten(size_t index, size_t element) const {
  const size_t bytes = narrow_ ? 4 : 8;
  const uint8_t* from = reinterpret_cast<const uint8_t*>(memory_[index].data()) + element * bytes;
  return std::all_of(from, from + bytes, [](uint8_t byte) { return byte == kUnwritten; });
}

bool RowBuffers::OnlyRowsWritten() const {
  std::vector<bool> is_row(elements_);
  for (size_t row = 0; row < shape_.batch * shape_.heads * shape_.queries; ++row) {
    const size_t matrix = row / shape_.queries;
    is_row[Element(matrix / shape_.heads, matrix % shape_.heads, row % shape_.queries)] = true;
  }
  for (size_t i = 0; i < kOutputs; ++i) {
    for (size_t element = 0; element < elements_; ++element) {
      if (IsUnwritten(i, element) == is_row[element]) return false;
    }
  }
  return true;
}

std::string RowBuffers::NameOf(size_t index) {
  if (index < kRowOutputs.size()) return std::string(kRowOutputs[index].name);
  return std::vector<std::string>{"top5", "top10", "top50"}[index - kRowOutputs.size()];
}

void ExpectExactRows(const AttentionView& weights, const Visibility& visibility, const RowBuffers& rows,
                     const std::string& what) {
  const MatrixSizes sizes = {weights.queries, weights.keys};
  for (size_t i = 0; i < weights.batch * weights.heads * weights.queries; ++i) {
    const size_t sequence = i / weights.queries / weights.heads;
    const size_t head = i / weights.queries % weights.heads;
    const size_t row = i % weights.queries;
    RowAsGiven given = PlaceOf(visibility, sizes, sequence, row);
    const SeenKeys seen = SeenKeysOf(visibility, sizes, sequence, head, row);
    const int64_t first = static_cast<int64_t>(sequence) * weights.batch_stride +
                          static_cast<int64_t>(head) * weights.head_stride +
                          static_cast<int64_t>(row) * weights.query_stride;
    const auto* data =
        static_cast<const uint8_t*>(weights.data) + first * static_cast<int64_t>(ElementBytes(weights.type));
    given.columns = seen.columns;
    for (const size_t key : seen.keys) given.weights.push_back(LoadElement(weights.type, data, key));
    RowComparison(rows, sequence, head, row, what).Compare(given);
  }
}

void ExpectExactRowsOfLogits(const AttentionView& logits, const SoftmaxParams& params, const RowBuffers& rows,
                             const std::string& what) {
  for (size_t i = 0; i < logits.batch * logits.heads; ++i) {
    const size_t sequence = i / logits.heads;
    const size_t head = i % logits.heads;
    CompareLogitRows({logits.queries, logits.keys}, params, sequence, head,
                     ExactLogitsOf(logits, params, sequence, head), 0.0L, rows, what);
  }
}

void ExpectExactRows(const QueryKeyView& view, const SoftmaxParams& params, const RowBuffers& rows,
                     const std::string& what) {
  for (size_t i = 0; i < view.batch * view.heads; ++i) {
    const size_t sequence = i / view.heads;
    const size_t head = i % view.heads;
    long double error = 0.0L;
    const std::vector<std::vector<long double>> logits = ExactLogitsOf(view, params, sequence, head, &error);
    CompareLogitRows({view.queries, view.keys}, params, sequence, head, logits, error, rows, what);
  }
}

void ExpectSameRows(const RowBuffers& actual, const RowBuffers& expected, bool narrow, const std::string& what) {
  ExpectSameRows(actual, expected, narrow, {}, what);
}

void ExpectSameRows(const RowBuffers& actual, const RowBuffers& expected, bool narrow,
                    const std::vector<std::string>& without, const std::string& what) {
  std::vector<double> numbers = expected.Numbers();
  std::vector<double> actual_numbers = actual.Numbers();
  const size_t rows = numbers.size() / RowBuffers::kOutputs;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::count(without.begin(), without.end(), RowBuffers::NameOf(i / rows)) != 0) numbers[i] = actual_numbers[i];
  }
  if (narrow) {
    for (double& number : numbers) number = static_cast<double>(static_cast<float>(number));
  }
  EXPECT_TRUE(SameBits(actual_numbers, numbers)) << what;
  EXPECT_TRUE(actual.OnlyRowsWritten()) << what;
}

}  // namespace attnscope::test
