// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax/recentre_logits.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/sweep/slow_row.h"

namespace attnscope {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Far below what has a weight, and a float32.
constexpr double kLeastDifference = -1e6;

// tanh(a) - tanh(b), where a - b = `difference` may be known better than a and b are. Relative error: a few last places
// of `difference`, also where both tanh round to 1.
double TanhDifference(double a, double b, double difference) {
  if (difference < 0.0) return -TanhDifference(b, a, -difference);
  if (a + b < 0.0) return TanhDifference(-b, -a, difference);
  if (b < 0.0) return std::tanh(a) - std::tanh(b);  // no digits cancel
  // tanh(t) = (1 - e^-2t) / (1 + e^-2t), over the common denominator.
  const double power = std::exp(-2.0 * b);
  return -2.0 * power * std::expm1(-2.0 * difference) / ((1.0 + std::exp(-2.0 * a)) * (1.0 + power));
}

// The s_j of one row.
class Logits {
 public:
  Logits(const SoftmaxRow& row, const LogitScale& scale) : row_(row), scale_(scale) {}

  double operator[](size_t key) const {
    if (IsMasked(key)) return -kInfinity;
    const double scaled = scale_.scale * X(key);
    const bool capped = scale_.soft_cap != 0.0 && std::isfinite(scaled);
    return (capped ? scale_.soft_cap * std::tanh(scaled / scale_.soft_cap) : scaled) + Bias(key);
  }

  // s_key - s_from, of a row that is valid; s_from is finite.
  double Difference(size_t key, size_t from) const {
    if (IsMasked(key)) return -kInfinity;
    double scaled = scale_.scale * (X(key) - X(from));
    if (scale_.soft_cap != 0.0) {
      const double factor = scale_.scale / scale_.soft_cap;
      scaled = scale_.soft_cap * TanhDifference(factor * X(key), factor * X(from), scaled / scale_.soft_cap);
    }
    return scaled + (Bias(key) - Bias(from));
  }

  // A key whose s_j is the largest, by its difference from s_from.
  size_t Largest(size_t from) const {
    size_t largest = from;
    double most = 0.0;
    for (size_t key = 0; key < row_.keys; ++key) {
      const double difference = Difference(key, from);
      if (difference <= most) continue;
      most = difference;
      largest = key;
    }
    return largest;
  }

 private:
  // A masked key's logit and bias may be anything.
  bool IsMasked(size_t key) const {
    return (row_.shown != nullptr && row_.shown[key] == 0) || X(key) <= scale_.masked_logit ||
           (row_.bias != nullptr && RawBias(key) <= scale_.masked_bias);
  }

  double X(size_t key) const { return ElementAsDouble(row_.logits, row_.type, key); }
  double RawBias(size_t key) const { return ElementAsDouble(row_.bias, row_.bias_type, key); }
  double Bias(size_t key) const { return row_.bias == nullptr ? 0.0 : row_.bias_factor * RawBias(key); }

  const SoftmaxRow& row_;
  const LogitScale& scale_;
};

}  // namespace

RecentredLogits RecentreLogits(const SoftmaxRow& row, const LogitScale& scale, float* high, float* low) {
  const Logits logits(row, scale);
  RecentredLogits result;
  double most = -kInfinity;
  size_t centre = 0;
  for (size_t key = 0; key < row.keys; ++key) {
    const double logit = logits[key];
    if (!(logit < kInfinity)) return {.valid = false};
    if (logit == -kInfinity) continue;
    result.sum += logit;
    result.squares += logit * logit;
    result.max_abs = std::max(result.max_abs, std::abs(logit));
    result.max = std::max(result.max, logit);
    if (logit <= most) continue;
    most = logit;
    centre = key;
  }
  if (most == -kInfinity) return {};
  result.centre = most;
  // Where float64 rounds the s_j so much that it does not know the largest, differences do; and where these are large
  // themselves, differences from a larger one.
  centre = logits.Largest(logits.Largest(centre));
  for (size_t key = 0; key < row.keys; ++key) {
    const double difference = logits.Difference(key, centre);
    const double kept = difference == -kInfinity ? difference : std::max(difference, kLeastDifference);
    high[key] = static_cast<float>(kept);
    low[key] = difference == -kInfinity ? 0.0f : static_cast<float>(kept - static_cast<double>(high[key]));
  }
  return result;
}

}  // namespace attnscope
