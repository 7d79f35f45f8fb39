// SPDX-License-Identifier: Apache-2.0
#include "kernels/plain_rows/row_checks.h"

#include <cmath>
#include <string>
#include <utility>

#include "attnscope/limits.h"
#include "kernels/dimension_checks.h"
#include "kernels/simd/target_choice.h"

namespace attnscope::kernels {
namespace {

Status Invalid(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }

}  // namespace

Status CheckRows(const char* name, const Rows& rows, std::initializer_list<Output> outputs) {
  if (const Status& status = ForceTargetFromEnvironment(); !status.ok()) return status;
  if (rows.type != ElementType::kFloat32 && rows.type != ElementType::kFloat16 && rows.type != ElementType::kBFloat16) {
    return Invalid(std::string(name) + ".type is " + std::to_string(static_cast<int>(rows.type)) +
                   ", not an ElementType");
  }
  if (rows.columns > kMaxKeys) {
    return Invalid(std::string(name) + ".columns is " + std::to_string(rows.columns) + ", expected at most " +
                   std::to_string(kMaxKeys));
  }
  if (Status status =
          CheckDimensions(name, rows.data, {{"columns", rows.columns, 1}, {"rows", rows.rows, rows.row_stride}});
      !status.ok()) {
    return status;
  }
  for (const Output& output : outputs) {
    if (output.data != nullptr || output.size == 0) continue;
    return Invalid(std::string(output.name) + " is null, but there are " + std::to_string(output.size) + " of it");
  }
  return {};
}

Status CheckTopK(const char* name, size_t k, size_t least) {
  if (k >= least && k <= kMaxTopK) return {};
  return Invalid(std::string(name) + " is " + std::to_string(k) + ", expected " + std::to_string(least) + " to " +
                 std::to_string(kMaxTopK));
}

Status CheckScale(double scale) {
  if (scale > 0.0 && std::isfinite(scale)) return {};
  return Invalid("scale is " + std::to_string(scale) + ", expected a finite number above zero");
}

Status CheckSameShape(const Rows& from, const Rows& to) {
  if (from.type != to.type) {
    return Invalid("to.type is " + std::to_string(static_cast<int>(to.type)) + ", but from.type is " +
                   std::to_string(static_cast<int>(from.type)));
  }
  if (from.rows == to.rows && from.columns == to.columns) return {};
  return Invalid("to is [" + std::to_string(to.rows) + ", " + std::to_string(to.columns) + "], but from is [" +
                 std::to_string(from.rows) + ", " + std::to_string(from.columns) + "]");
}

}  // namespace attnscope::kernels
