// SPDX-License-Identifier: Apache-2.0
#include "platform/arguments.h"

namespace attnscope::platform {

std::vector<std::string> Arguments(int argc, const char* const* argv) { return {argv, argv + argc}; }

}  // namespace attnscope::platform
