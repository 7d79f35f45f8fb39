// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel_peers.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#if ATTNSCOPE_HAVE_EIGEN
#include <Eigen/Core>
#endif
#if ATTNSCOPE_HAVE_VQSORT
#include "hwy/contrib/sort/vqsort.h"
#endif

namespace attnscope::bench {

double NaiveEntropy(const FloatRows& rows) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    const float* weights = rows.Row(row);
    float entropy = 0.0f;
    for (size_t i = 0; i < rows.columns; ++i) {
      if (weights[i] > 0.0f) entropy -= weights[i] * std::log(weights[i]);
    }
    total += static_cast<double>(entropy);
  }
  return total;
}

double NaiveMax(const FloatRows& rows) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    const float* weights = rows.Row(row);
    total += static_cast<double>(*std::max_element(weights, weights + rows.columns));
  }
  return total;
}

void NaiveColumnSums(const FloatRows& rows, PeerScratch* scratch) {
  std::fill(scratch->floats.begin(), scratch->floats.end(), 0.0f);
  for (size_t row = 0; row < rows.rows; ++row) {
    for (size_t i = 0; i < rows.columns; ++i) scratch->floats[i] += rows.Row(row)[i];
  }
}

void NaiveColumnMax(const FloatRows& rows, PeerScratch* scratch) {
  std::fill(scratch->floats.begin(), scratch->floats.end(), 0.0f);
  for (size_t row = 0; row < rows.rows; ++row) {
    for (size_t i = 0; i < rows.columns; ++i) scratch->floats[i] = std::max(scratch->floats[i], rows.Row(row)[i]);
  }
}

double NaiveSquares(const FloatRows& rows) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    for (size_t i = 0; i < rows.columns; ++i) {
      const double number = static_cast<double>(rows.Row(row)[i]);
      total += number * number;
    }
  }
  return total;
}

double NaiveDistances(const FloatRows& from, const FloatRows& to) {
  double total = 0.0;
  for (size_t row = 0; row < from.rows; ++row) {
    for (size_t i = 0; i < from.columns; ++i) {
      const double difference = static_cast<double>(to.Row(row)[i]) - static_cast<double>(from.Row(row)[i]);
      total += difference * difference;
    }
  }
  return total;
}

namespace {

// The k largest of a row, in order, with their places.
double PartialSortRow(const float* row, size_t columns, size_t k, PeerScratch* scratch) {
  for (size_t i = 0; i < columns; ++i) scratch->places[i] = {row[i], static_cast<uint32_t>(i)};
  const auto begin = scratch->places.begin();
  std::partial_sort(begin, begin + static_cast<std::ptrdiff_t>(std::min(k, columns)), scratch->places.end(),
                    [](const auto& a, const auto& b) { return a.first > b.first; });
  return static_cast<double>(begin->first);
}

}  // namespace

double NaiveSoftmaxEntropy(const FloatRows& rows, size_t k, PeerScratch* scratch) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    const float* logits = rows.Row(row);
    const float max = *std::max_element(logits, logits + rows.columns);
    float sum = 0.0f;
    float shifted = 0.0f;
    for (size_t i = 0; i < rows.columns; ++i) {
      const float weight = std::exp(logits[i] - max);
      sum += weight;
      shifted += (logits[i] - max) * weight;
    }
    total += static_cast<double>(std::log(sum) - shifted / sum + max + std::log(sum));
    if (k != 0) total += PartialSortRow(logits, rows.columns, k, scratch);
  }
  return total;
}

double NthElementMass(const FloatRows& rows, size_t k, PeerScratch* scratch) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    std::copy_n(rows.Row(row), rows.columns, scratch->floats.begin());
    const auto kth = scratch->floats.begin() + static_cast<std::ptrdiff_t>(std::min(k, rows.columns));
    std::nth_element(scratch->floats.begin(), kth, scratch->floats.end(), std::greater<>());
    total += std::accumulate(scratch->floats.begin(), kth, 0.0);
  }
  return total;
}

double PartialSortTop(const FloatRows& rows, size_t k, PeerScratch* scratch) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) total += PartialSortRow(rows.Row(row), rows.columns, k, scratch);
  return total;
}

#if ATTNSCOPE_HAVE_EIGEN

namespace {

using RowsMap = Eigen::Map<const Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

RowsMap MapOf(const FloatRows& rows) {
  return {rows.data, static_cast<Eigen::Index>(rows.rows), static_cast<Eigen::Index>(rows.columns)};
}
auto RowOf(const FloatRows& rows, size_t row) {
  return Eigen::Map<const Eigen::ArrayXf>(rows.Row(row), static_cast<Eigen::Index>(rows.columns));
}
auto ColumnsOf(PeerScratch* scratch) {
  return Eigen::Map<Eigen::Array<float, 1, Eigen::Dynamic>>(scratch->floats.data(),
                                                            static_cast<Eigen::Index>(scratch->floats.size()));
}

}  // namespace

bool HaveEigen() { return true; }

double EigenEntropy(const FloatRows& rows) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    const auto weights = RowOf(rows, row);
    total -= static_cast<double>((weights * weights.log()).sum());
  }
  return total;
}

double EigenMax(const FloatRows& rows) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) total += static_cast<double>(RowOf(rows, row).maxCoeff());
  return total;
}

// Row by row: colwise() reductions of row-major arrays go down one column after the other.
void EigenColumnSums(const FloatRows& rows, PeerScratch* scratch) {
  auto columns = ColumnsOf(scratch);
  columns.setZero();
  for (Eigen::Index row = 0; row < static_cast<Eigen::Index>(rows.rows); ++row) columns += MapOf(rows).row(row);
}

void EigenColumnMax(const FloatRows& rows, PeerScratch* scratch) {
  auto columns = ColumnsOf(scratch);
  columns.setZero();
  for (Eigen::Index row = 0; row < static_cast<Eigen::Index>(rows.rows); ++row) {
    columns = columns.max(MapOf(rows).row(row));
  }
}

double EigenSquares(const FloatRows& rows) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) total += RowOf(rows, row).cast<double>().square().sum();
  return total;
}

double EigenDistances(const FloatRows& from, const FloatRows& to) {
  double total = 0.0;
  for (size_t row = 0; row < from.rows; ++row) {
    total += (RowOf(to, row).cast<double>() - RowOf(from, row).cast<double>()).square().sum();
  }
  return total;
}

double EigenSoftmaxEntropy(const FloatRows& rows, size_t k, PeerScratch* scratch) {
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    const auto logits = RowOf(rows, row);
    const float max = logits.maxCoeff();
    auto weights = ColumnsOf(scratch).transpose();
    weights = (logits - max).exp();
    const float sum = weights.sum();
    const float shifted = ((logits - max) * weights).sum();
    total += static_cast<double>(std::log(sum) - shifted / sum + max + std::log(sum));
    if (k != 0) total += PartialSortRow(rows.Row(row), rows.columns, k, scratch);
  }
  return total;
}

#else

bool HaveEigen() { return false; }
double EigenEntropy(const FloatRows&) { return 0.0; }
double EigenMax(const FloatRows&) { return 0.0; }
void EigenColumnSums(const FloatRows&, PeerScratch*) {}
void EigenColumnMax(const FloatRows&, PeerScratch*) {}
double EigenSquares(const FloatRows&) { return 0.0; }
double EigenDistances(const FloatRows&, const FloatRows&) { return 0.0; }
double EigenSoftmaxEntropy(const FloatRows&, size_t, PeerScratch*) { return 0.0; }

#endif

#if ATTNSCOPE_HAVE_VQSORT

bool HaveVqsort() { return true; }

double VqsortMass(const FloatRows& rows, size_t k, PeerScratch* scratch) {
  hwy::Sorter sort;
  double total = 0.0;
  for (size_t row = 0; row < rows.rows; ++row) {
    std::copy_n(rows.Row(row), rows.columns, scratch->floats.begin());
    sort(scratch->floats.data(), rows.columns, hwy::SortDescending());
    total += std::accumulate(scratch->floats.begin(),
                             scratch->floats.begin() + static_cast<std::ptrdiff_t>(std::min(k, rows.columns)), 0.0);
  }
  return total;
}

#else

bool HaveVqsort() { return false; }
double VqsortMass(const FloatRows&, size_t, PeerScratch*) { return 0.0; }

#endif

}  // namespace attnscope::bench
