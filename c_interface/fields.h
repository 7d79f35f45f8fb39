// SPDX-License-Identifier: Apache-2.0
//
// Checks of single fields of a caller's struct. Errors name the struct as the caller passed it, the field and its
// value.
#ifndef ATTNSCOPE_C_INTERFACE_FIELDS_H_
#define ATTNSCOPE_C_INTERFACE_FIELDS_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "attnscope/attention_view.h"
#include "attnscope/attnscope_c.h"
#include "attnscope/limits.h"
#include "attnscope/status.h"
#include "attnscope/top_k.h"

namespace attnscope::c_interface {

inline Status WrongField(const char* name, const char* field, int64_t value, const char* expected) {
  return {StatusCode::kInvalidArgument,
          std::string(name) + "->" + field + " is " + std::to_string(value) + ", expected " + expected};
}

// Reserved fields are zero, so that a later version may give them a meaning.
inline Status CheckReserved(const char* name, uint32_t value) {
  return value == 0 ? Status() : WrongField(name, "reserved", value, "0");
}

inline Status ReadFlag(const char* name, const char* field, uint32_t value, bool* out) {
  if (value > 1) return WrongField(name, field, value, "0 or 1");
  *out = value != 0;
  return {};
}

// Checked here and not by the call that takes the view, since that sees an ElementType, which cannot hold every
// int32_t.
inline Status ReadType(const char* name, const char* field, int32_t value, ElementType* out) {
  if (value < ATTNSCOPE_FLOAT32 || value > ATTNSCOPE_BFLOAT16) {
    return WrongField(name, field, value, "an AttnscopeElementType, 0 to 2");
  }
  *out = static_cast<ElementType>(value);
  return {};
}

// None: `out` stays what it was, the defaults.
inline Status ReadTopK(const char* name, const AttnscopeTopKValues& in, TopKValues* out) {
  if (in.num_values > kMaxTopMasses) return WrongField(name, "top_k.num_values", in.num_values, "0 to 8");
  if (in.reserved != 0) return WrongField(name, "top_k.reserved", in.reserved, "0");
  if (in.num_values != 0) *out = TopKValues(std::span(in.values, in.num_values));
  return {};
}
inline AttnscopeTopKValues ToC(const TopKValues& top_k) {
  AttnscopeTopKValues out = {};
  out.num_values = static_cast<uint32_t>(top_k.size());
  std::copy(top_k.begin(), top_k.end(), out.values);
  return out;
}

}  // namespace attnscope::c_interface

#endif  // ATTNSCOPE_C_INTERFACE_FIELDS_H_
