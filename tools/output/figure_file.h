// SPDX-License-Identifier: Apache-2.0
//
// Pictures as files, faster and smaller than the library's own writer makes them.
#ifndef ATTNSCOPE_TOOLS_OUTPUT_FIGURE_FILE_H_
#define ATTNSCOPE_TOOLS_OUTPUT_FIGURE_FILE_H_

#include <string>

#include "attnscope/figure.h"
#include "attnscope/status.h"

namespace attnscope::tools {

// As WriteFigureOf, but PNG files are compressed by libdeflate instead of stb: the same pixels in fewer bytes.
Status WriteFigureFile(FigureKind kind, const FigureData& data, const FigureOptions& options, const std::string& path);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_OUTPUT_FIGURE_FILE_H_
