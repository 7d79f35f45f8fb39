// SPDX-License-Identifier: Apache-2.0
//
// Validation of sizes and strides.
#ifndef ATTNSCOPE_KERNELS_DIMENSION_CHECKS_H_
#define ATTNSCOPE_KERNELS_DIMENSION_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "attnscope/status.h"

namespace attnscope {

// An argument that makes no sense; `message` names it and its value.
Status Invalid(std::string message);

struct Dimension {
  const char* name;
  size_t size;
  int64_t stride;
};

// Checks that no offset of an element overflows, so that bytes and their differences fit a signed 64-bit number, and
// that `data` is not null where there are elements. Sizes of zero are left out of their number, so that also the rows
// without keys that a view may have are not beyond counting.
Status CheckDimensions(const std::string& name, const void* data, std::initializer_list<Dimension> dimensions);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_DIMENSION_CHECKS_H_
