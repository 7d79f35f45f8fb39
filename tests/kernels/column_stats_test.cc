// SPDX-License-Identifier: Apache-2.0
//
// MeasureColumns against a long-double oracle, for every length up to 300 and beyond, and where columns are equal, zero
// or far apart.
#include "kernels/column_stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/compare.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/row_inputs.h"
#include "tests/support/target_test.h"

namespace attnscope::test {
namespace {

constexpr size_t kMostKeys = size_t{1} << 20;

class ColumnStatsTest : public TargetTest {
 protected:
  ColumnStatsTest() : columns_memory_(kMostKeys * sizeof(double)), more_memory_(kMostKeys * sizeof(double)) {}

  // The inputs end, or begin, at unreadable memory.
  ColumnStats Measure(const std::vector<double>& columns, const std::vector<double>& more, bool at_end) {
    const size_t bytes = columns.size() * sizeof(double);
    const auto place = [&](GuardedBuffer& memory, const std::vector<double>& values) {
      void* to = at_end ? memory.PlaceAtEnd(bytes) : memory.PlaceAtFront(bytes, 8);
      std::copy(values.begin(), values.end(), static_cast<double*>(to));
      return static_cast<const double*>(to);
    };
    return MeasureColumns(place(columns_memory_, columns), place(more_memory_, more), columns.size());
  }

  void Check(const std::vector<double>& columns, const std::vector<double>& more, const std::string& what) {
    const ColumnStats stats = Measure(columns, more, columns.size() % 2 == 0);
    long double sum = 0.0L;
    double max = 0.0;
    size_t max_position = 0;
    for (size_t i = 0; i < columns.size(); ++i) {
      const double column = columns[i] + more[i];
      sum += static_cast<long double>(column);
      if (column > max) {
        max = column;
        max_position = i;
      }
    }
    long double entropy = 0.0L;
    for (size_t i = 0; i < columns.size(); ++i) {
      const long double share = static_cast<long double>(columns[i] + more[i]) / sum;
      if (share > 0.0L) entropy -= share * std::log(share);
    }
    const long double log_keys = columns.empty() ? 0.0L : std::log(static_cast<long double>(columns.size()));
    EXPECT_TRUE(Within(stats.sum, sum, 0x1p-53L * static_cast<long double>(columns.size()) * sum)) << what;
    EXPECT_EQ(stats.max, max) << what;
    EXPECT_EQ(stats.max_position, max_position) << what;
    const long double lane_sum = 1e-16L * static_cast<long double>(columns.size());
    entropy_.Add(stats.entropy_nats, entropy, 1e-12L * std::max(1.0L, log_keys) + lane_sum, what);
    EXPECT_GE(stats.entropy_nats, 0.0) << what;
    EXPECT_LE(stats.entropy_nats, std::log(static_cast<double>(std::max<size_t>(columns.size(), 1)))) << what;
  }

  GuardedBuffer columns_memory_;
  GuardedBuffer more_memory_;
  ErrorRecord entropy_{"col_entropy"};
};
ATTNSCOPE_FOR_EACH_TARGET(ColumnStatsTest);

std::vector<double> Columns(Random& random, size_t keys, double spread) {
  std::vector<double> columns(keys);
  for (double& column : columns) column = std::exp(spread * random.Normal());
  return columns;
}

TEST_P(ColumnStatsTest, EveryLength) {
  Random random(1);
  std::vector<size_t> sizes = {511, 512, 513, 4095, 4096, 4097, kSlowBuild ? 8200 : kMostKeys};
  for (size_t keys = 0; keys <= 300; ++keys) sizes.push_back(keys);
  for (const size_t keys : sizes) {
    const std::string what = std::to_string(keys) + " keys";
    Check(Columns(random, keys, 1.0), Columns(random, keys, 1.0), what);
    Check(Columns(random, keys, 8.0), std::vector<double>(keys), what + ", far apart");
    Check(std::vector<double>(keys), Columns(random, keys, 2.0), what + ", one array zero");
    Check(std::vector<double>(keys, 0.7), std::vector<double>(keys, 0.1), what + ", equal");
    std::vector<double> sparse = Columns(random, keys, 1.0);
    for (size_t i = 0; i < keys; i += 3) sparse[i] = 0.0;
    Check(sparse, std::vector<double>(keys), what + ", sparse");
  }
  entropy_.Report(1e-6);
}

TEST_P(ColumnStatsTest, NothingAndZeros) {
  for (size_t keys = 0; keys <= 40; ++keys) {
    const ColumnStats stats = Measure(std::vector<double>(keys), std::vector<double>(keys), true);
    EXPECT_EQ(stats.sum, 0.0);
    EXPECT_EQ(stats.entropy_nats, 0.0);
    EXPECT_EQ(stats.max, 0.0);
    EXPECT_EQ(stats.max_position, 0u);
  }
}

TEST_P(ColumnStatsTest, OneColumnHoldsAll) {
  for (size_t keys = 1; keys <= 70; ++keys) {
    for (size_t position = 0; position < keys; ++position) {
      std::vector<double> columns(keys);
      columns[position] = 12.5;
      const ColumnStats stats = Measure(columns, std::vector<double>(keys), true);
      ASSERT_TRUE(Within(stats.entropy_nats, 0.0L, 1e-12L)) << position << " of " << keys;
      ASSERT_EQ(stats.max_position, position);
      ASSERT_EQ(stats.sum, 12.5);
    }
  }
}

TEST_P(ColumnStatsTest, TheFirstOfEqualsIsTheSink) {
  for (size_t keys = 2; keys <= 70; ++keys) {
    for (size_t first = 0; first + 1 < keys; ++first) {
      std::vector<double> columns(keys, 1.0);
      columns[first] = 3.0;
      columns[keys - 1] = 3.0;
      ASSERT_EQ(Measure(columns, std::vector<double>(keys), true).max_position, first) << keys;
    }
  }
}

// Column sums of huge and of vanishing weights.
TEST_P(ColumnStatsTest, ExtremeMagnitudes) {
  Random random(2);
  for (const double scale : {1e-290, 1e-40, 1e40, 1e290}) {
    std::vector<double> columns = Columns(random, 99, 1.0);
    for (double& column : columns) column *= scale;
    Check(columns, std::vector<double>(99), std::to_string(scale));
  }
}

}  // namespace
}  // namespace attnscope::test
