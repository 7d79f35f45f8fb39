// SPDX-License-Identifier: Apache-2.0
//
// Files that are complete or not there, which needs attnscope::report.
#include "attnscope/write_file.h"

#include <string_view>

#include "c_interface/status.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeWriteFileAtomically(const char* path, const void* bytes, size_t size) {
  return Guarded([&] {
    if (path == nullptr) return NullArgument("path");
    if (bytes == nullptr && size != 0) return NullArgument("bytes");
    return WriteFileAtomically(path, std::string_view(static_cast<const char*>(bytes), size));
  });
}
