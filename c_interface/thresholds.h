// SPDX-License-Identifier: Apache-2.0
//
// Thresholds from C, for all that take them. Inline, since attnscope::render needs it too and the core exports none of
// it.
#ifndef ATTNSCOPE_C_INTERFACE_THRESHOLDS_H_
#define ATTNSCOPE_C_INTERFACE_THRESHOLDS_H_

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "attnscope/attnscope_c.h"
#include "attnscope/diagnosis.h"
#include "c_interface/fields.h"
#include "c_interface/struct_size.h"

namespace attnscope::c_interface {

// The bounds are the same, in the same order, behind the size: c_interface_names_test compares them one by one.
inline constexpr size_t kFirstBound = offsetof(AttnscopeThresholds, one_hot_max_row_weight_warning);
static_assert(sizeof(AttnscopeThresholds) == kFirstBound + sizeof(Thresholds));
static_assert(std::is_trivially_copyable_v<Thresholds>);

inline AttnscopeThresholds ToC(const Thresholds& thresholds) {
  AttnscopeThresholds out = {};
  std::memcpy(reinterpret_cast<char*>(&out) + kFirstBound, &thresholds, sizeof(thresholds));
  return out;
}

// Null leaves `*out` as it is.
inline Status Read(const char* name, const AttnscopeThresholds* in, Thresholds* out) {
  if (in == nullptr) return {};
  AttnscopeThresholds read = ToC(*out);
  if (Status status = ReadStruct(name, in, &read); !status.ok()) return status;
  if (Status status = CheckReserved(name, read.reserved); !status.ok()) return status;
  std::memcpy(static_cast<void*>(out), reinterpret_cast<const char*>(&read) + kFirstBound, sizeof(*out));
  return {};
}

}  // namespace attnscope::c_interface

#endif  // ATTNSCOPE_C_INTERFACE_THRESHOLDS_H_
