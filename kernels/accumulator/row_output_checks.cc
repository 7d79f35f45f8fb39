// SPDX-License-Identifier: Apache-2.0
#include "kernels/accumulator/row_output_checks.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/dimension_checks.h"
#include "kernels/top_k/top_k_checks.h"

namespace attnscope {
namespace {

const char* NameOf(RowBufferType type) {
  switch (type) {
    case RowBufferType::kFloat32:
      return "float";
    case RowBufferType::kFloat64:
      return "double";
    case RowBufferType::kInt32:
      return "int32_t";
    case RowBufferType::kInt64:
      return "int64_t";
  }
  return nullptr;
}

size_t Magnitude(int64_t stride) {
  return stride < 0 ? size_t{0} - static_cast<size_t>(stride) : static_cast<size_t>(stride);
}

uintptr_t Address(const RowBuffer& buffer) { return reinterpret_cast<uintptr_t>(buffer.data); }

bool IsInt(const RowBuffer& buffer) {
  return buffer.type == RowBufferType::kInt32 || buffer.type == RowBufferType::kInt64;
}

// Of none, or of a type and an address that will do.
bool IsRight(const RowBuffer& buffer, bool is_whole_number) {
  if (buffer.data == nullptr) return true;
  const size_t bytes = buffer.type == RowBufferType::kFloat32 || buffer.type == RowBufferType::kInt32 ? 4 : 8;
  return NameOf(buffer.type) != nullptr && IsInt(buffer) == is_whole_number && Address(buffer) % bytes == 0;
}

// `name_of()` names the buffer, for messages: most calls need none.
template <class Name>
Status CheckBuffer(const Name& name_of, const RowBuffer& buffer, bool is_whole_number) {
  if (IsRight(buffer, is_whole_number)) return {};
  const std::string name = name_of();
  const char* type = NameOf(buffer.type);
  if (type == nullptr) {
    return Invalid("rows." + name + ".type is " + std::to_string(static_cast<int>(buffer.type)) +
                   ", not a RowBufferType");
  }
  if (IsInt(buffer) != is_whole_number) {
    return Invalid("rows." + name + " is a buffer of " + type + ", expected " +
                   (is_whole_number ? "int32_t or int64_t" : "float or double"));
  }
  return Invalid("rows." + name + " is at address " + std::to_string(Address(buffer)) + ", which is not aligned for " +
                 type);
}

// Each row must have an element of its own: from the smallest stride to the largest, each must reach beyond what the
// ones before it span.
Status CheckApart(const std::array<Dimension, 3>& dimensions) {
  const auto has_no_rows = [](const Dimension& dimension) { return dimension.size == 0; };
  if (std::any_of(dimensions.begin(), dimensions.end(), has_no_rows)) return {};
  std::array<Dimension, 3> sorted = dimensions;
  std::sort(sorted.begin(), sorted.end(),
            [](const Dimension& a, const Dimension& b) { return Magnitude(a.stride) < Magnitude(b.stride); });
  size_t span = 0;
  for (const Dimension& dimension : sorted) {
    if (dimension.size <= 1) continue;
    const size_t stride = Magnitude(dimension.stride);
    if (stride <= span) {
      return Invalid("rows overlap: the stride of " + std::string(dimension.name) + " is " +
                     std::to_string(dimension.stride) + ", but those inside span " + std::to_string(span + 1) +
                     " elements");
    }
    span += stride * (dimension.size - 1);
  }
  return {};
}

}  // namespace

Status ResolveRowOutputs(const MatrixShape& shape, const TopKValues& top_k, RowOutputs* outputs) {
  for (const RowOutputInfo& info : kRowOutputs) {
    if (Status status =
            CheckBuffer([&] { return std::string(info.name); }, outputs->*info.buffer, info.is_whole_number);
        !status.ok()) {
      return status;
    }
  }
  if (!outputs->top_k.empty() && outputs->top_k != top_k) {
    return Invalid("rows.top_k is " + TextOf(outputs->top_k) + ", but the accumulator measures " + TextOf(top_k));
  }
  for (size_t i = 0; i < outputs->top_mass.size(); ++i) {
    const auto name = [i] { return "top_mass[" + std::to_string(i) + "]"; };
    if (Status status = CheckBuffer(name, outputs->top_mass[i], false); !status.ok()) return status;
    if (i < top_k.size() || outputs->top_mass[i].data == nullptr) continue;
    return Invalid("rows." + name() + " is asked for, but there are " + std::to_string(top_k.size()) +
                   " values of k: " + TextOf(top_k));
  }
  // Each default is a product that the check before it has bounded.
  Dimension queries = {"queries", shape.queries, outputs->query_stride == 0 ? 1 : outputs->query_stride};
  if (Status status = CheckDimensions("rows", outputs, {queries}); !status.ok()) return status;
  Dimension heads = {"heads", shape.heads, outputs->head_stride};
  if (heads.stride == 0) heads.stride = static_cast<int64_t>(shape.queries) * queries.stride;
  if (Status status = CheckDimensions("rows", outputs, {queries, heads}); !status.ok()) return status;
  Dimension batch = {"batch", shape.batch, outputs->batch_stride};
  if (batch.stride == 0) batch.stride = static_cast<int64_t>(shape.heads) * heads.stride;
  if (Status status = CheckDimensions("rows", outputs, {queries, heads, batch}); !status.ok()) return status;
  outputs->query_stride = queries.stride;
  outputs->head_stride = heads.stride;
  outputs->batch_stride = batch.stride;
  return CheckApart({queries, heads, batch});
}

}  // namespace attnscope
