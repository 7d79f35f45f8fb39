// SPDX-License-Identifier: Apache-2.0
#include "attnscope/key_profile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace attnscope {
namespace {

Status Invalid(const std::string& message) { return {StatusCode::kInvalidArgument, message}; }

Status Check(std::span<const double> column_sums, std::span<const double> rows) {
  if (rows.empty()) return Invalid("rows is empty; it needs one number for each head");
  if (column_sums.size() % rows.size() != 0) {
    return Invalid("column_sums has " + std::to_string(column_sums.size()) + " elements, no multiple of the " +
                   std::to_string(rows.size()) + " heads that rows has");
  }
  const auto is_bad = [](double value) { return !(value >= 0.0 && std::isfinite(value)); };
  const auto bad_rows = std::find_if(rows.begin(), rows.end(), is_bad);
  if (bad_rows != rows.end()) {
    return Invalid("rows[" + std::to_string(bad_rows - rows.begin()) + "] is " + std::to_string(*bad_rows) +
                   "; it must be a number from 0 on");
  }
  const auto bad_sum = std::find_if(column_sums.begin(), column_sums.end(), is_bad);
  if (bad_sum == column_sums.end()) return {};
  return Invalid("column_sums[" + std::to_string(bad_sum - column_sums.begin()) + "] is " + std::to_string(*bad_sum) +
                 "; it must be a number from 0 on");
}

}  // namespace

Status MakeKeyProfile(int64_t layer, std::span<const double> column_sums, std::span<const double> rows,
                      KeyProfile* out) {
  if (Status status = Check(column_sums, rows); !status.ok()) return status;
  KeyProfile profile;
  profile.layer = layer;
  const size_t keys = column_sums.size() / rows.size();
  profile.mean.assign(keys, 0.0);
  double most = -1.0;
  for (size_t head = 0; head < rows.size(); ++head) {
    if (rows[head] == 0.0) continue;
    ++profile.heads;
    const std::span<const double> sums = column_sums.subspan(head * keys, keys);
    for (size_t key = 0; key < keys; ++key) {
      const double share = sums[key] / rows[head];
      profile.mean[key] += share;
      if (share <= most) continue;
      most = share;
      profile.largest_head = static_cast<int64_t>(head);
    }
  }
  for (double& mean : profile.mean) {
    mean = profile.heads == 0 ? std::numeric_limits<double>::quiet_NaN() : mean / static_cast<double>(profile.heads);
  }
  if (rows.size() == 1) profile.largest_head = -1;
  if (profile.largest_head >= 0) {
    const auto head = static_cast<size_t>(profile.largest_head);
    profile.largest.resize(keys);
    for (size_t key = 0; key < keys; ++key) profile.largest[key] = column_sums[head * keys + key] / rows[head];
  }
  *out = std::move(profile);
  return {};
}

}  // namespace attnscope
