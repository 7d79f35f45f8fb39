// SPDX-License-Identifier: Apache-2.0
//
// From Status and exceptions to what C sees. Included by all of the C interface.
#ifndef ATTNSCOPE_C_INTERFACE_STATUS_H_
#define ATTNSCOPE_C_INTERFACE_STATUS_H_

#include <exception>
#include <string>

#include "attnscope/attnscope_c.h"
#include "attnscope/status.h"

namespace attnscope::c_interface {

// Success costs nothing and allocates nothing.
inline AttnscopeStatus ToC(const Status& status) {
  if (status.ok()) return ATTNSCOPE_OK;
  return AttnscopeSetLastError(static_cast<AttnscopeStatus>(status.code()), status.message().c_str());
}

// Runs `work`, which returns a Status; what it throws are failed allocations.
template <typename Work>
AttnscopeStatus Guarded(const Work& work) {
  try {
    return ToC(work());
  } catch (const std::exception& error) {
    return AttnscopeSetLastError(ATTNSCOPE_OUT_OF_MEMORY, error.what());
  }
}

inline Status NullArgument(const char* name) { return {StatusCode::kInvalidArgument, std::string(name) + " is null"}; }

}  // namespace attnscope::c_interface

#endif  // ATTNSCOPE_C_INTERFACE_STATUS_H_
