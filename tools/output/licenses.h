// SPDX-License-Identifier: Apache-2.0
//
// The licences of the program and of all that is linked into it. CMake makes the source of licenses/.
#ifndef ATTNSCOPE_TOOLS_OUTPUT_LICENSES_H_
#define ATTNSCOPE_TOOLS_OUTPUT_LICENSES_H_

#include <string_view>

namespace attnscope::tools {

// Each begins with a line "---- NAME ----"; attnscope's own is the first.
std::string_view LicenseTexts();

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_OUTPUT_LICENSES_H_
