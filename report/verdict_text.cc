// SPDX-License-Identifier: Apache-2.0
#include "report/verdict_text.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace attnscope::internal {
namespace {

std::string Digits(double value, int precision) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::general, precision);
  return {text, end.ptr};
}

// Value and bound with the fewest digits, at least four, that tell them apart.
std::pair<std::string, std::string> DistinctDigits(double value, double bound) {
  constexpr int kEnough = std::numeric_limits<double>::max_digits10;
  int precision = 4;
  while (precision < kEnough && Digits(value, precision) == Digits(bound, precision)) ++precision;
  return {Digits(value, precision), Digits(bound, precision)};
}

// "critical: one-hot collapse in layer 3, head 2: max_row_weight"
std::string Beginning(const Verdict& verdict) {
  std::string text = std::string(NameOf(verdict.severity)) + ": " + std::string(NameOf(verdict.pathology)) +
                     " in layer " + std::to_string(verdict.layer);
  if (verdict.head >= 0) text += ", head " + std::to_string(verdict.head);
  return text + ": " + std::string(attnscope::InfoOf(verdict.metric).name);
}

}  // namespace

std::string VerdictMessage(const Verdict& verdict, const Condition& crossed, const MetricValues& values) {
  const std::string side = crossed.relation == Relation::kAbove ? " is above " : " is below ";
  const bool is_share = crossed.whole != nullptr;
  const double scale = is_share ? 100.0 : 1.0;
  const auto [value, bound] = DistinctDigits(scale * verdict.value, scale * verdict.bound);
  if (!is_share) return Beginning(verdict) + " " + value + side + bound;
  const std::string parts = Digits(values[crossed.metric], 15) + " of " + Digits(crossed.whole(values), 15);
  return Beginning(verdict) + " " + parts + ", " + value + " %," + side + bound + " %";
}

std::string BadNumberMessage(const Verdict& verdict) {
  if (std::isnan(verdict.value)) return Beginning(verdict) + " is NaN";
  if (std::isinf(verdict.value)) return Beginning(verdict) + " is " + Digits(verdict.value, 1);
  const auto [value, bound] = DistinctDigits(verdict.value, verdict.bound);
  return Beginning(verdict) + " " + value + (verdict.value > verdict.bound ? " is above " : " is below ") + bound +
         ", where none can be";
}

std::string DepartureMessage(const Verdict& verdict) {
  const auto [value, bound] = DistinctDigits(verdict.value, verdict.bound);
  return Beginning(verdict) + " " + value + (verdict.value > verdict.bound ? " is above " : " is below ") + bound +
         ", its baseline is " + Digits(verdict.baseline, 4);
}

std::string TooLittle(double amount, double least, std::string_view what) {
  const auto [has, needs] = DistinctDigits(amount, least);
  return "needs " + needs + " " + std::string(what) + ", has " + has;
}

std::string NoDistributions(double share) { return Digits(100.0 * share, 3) + " % of the rows are no distributions"; }

std::string SinkTakes(double null_mass) {
  return "a learned sink has " + Digits(100.0 * null_mass, 3) + " % of the rows";
}

std::string OtherKeys(double keys, double baseline_keys) {
  return "its rows are of " + Digits(keys, 15) + " keys, those of the baseline of " + Digits(baseline_keys, 15);
}

}  // namespace attnscope::internal
