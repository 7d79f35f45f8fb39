// SPDX-License-Identifier: Apache-2.0
#include "c_interface/status.h"

#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "attnscope/target.h"

namespace attnscope::c_interface {
namespace {

// The codes are the same.
static_assert(static_cast<int>(StatusCode::kOk) == ATTNSCOPE_OK);
static_assert(static_cast<int>(StatusCode::kInvalidArgument) == ATTNSCOPE_INVALID_ARGUMENT);
static_assert(static_cast<int>(StatusCode::kOutOfRange) == ATTNSCOPE_OUT_OF_RANGE);
static_assert(static_cast<int>(StatusCode::kOutOfMemory) == ATTNSCOPE_OUT_OF_MEMORY);
static_assert(static_cast<int>(StatusCode::kNotFound) == ATTNSCOPE_NOT_FOUND);
static_assert(static_cast<int>(StatusCode::kDataLoss) == ATTNSCOPE_DATA_LOSS);
static_assert(static_cast<int>(StatusCode::kIoError) == ATTNSCOPE_IO_ERROR);

// Plain bytes: a thread that never fails needs neither memory nor a destructor for it.
constexpr size_t kMessageBytes = 1024;
thread_local char last_error[kMessageBytes];

}  // namespace
}  // namespace attnscope::c_interface

using attnscope::c_interface::Guarded;
using attnscope::c_interface::kMessageBytes;
using attnscope::c_interface::last_error;

uint32_t AttnscopeAbiVersion() { return ATTNSCOPE_ABI_VERSION; }

const char* AttnscopeVersion() { return attnscope::Version().data(); }

const char* AttnscopeLastError() { return last_error; }

AttnscopeStatus AttnscopeSetLastError(AttnscopeStatus status, const char* message) {
  const std::string_view text(message == nullptr ? "" : message);
  const size_t length = text.copy(last_error, kMessageBytes - 1);
  last_error[length] = '\0';
  return status;
}

// Highway's names are string literals, and so end with a zero byte.
const char* AttnscopeChosenTarget() { return attnscope::ChosenTarget().data(); }

const char* AttnscopeCompiledTarget(size_t index) {
  const char* name = nullptr;
  const AttnscopeStatus status = Guarded([&]() -> attnscope::Status {
    const std::vector<std::string_view> names = attnscope::CompiledTargets();
    if (index < names.size()) name = names[index].data();
    return {};
  });
  return status == ATTNSCOPE_OK ? name : nullptr;
}

AttnscopeStatus AttnscopeForceTarget(const char* name) {
  return Guarded([&] { return attnscope::ForceTarget(name == nullptr ? "" : name); });
}
