// SPDX-License-Identifier: Apache-2.0
//
// Pictures as files, faster and smaller than the library's own writer makes them.
#ifndef ATTNSCOPE_TOOLS_OUTPUT_FIGURE_FILE_H_
#define ATTNSCOPE_TOOLS_OUTPUT_FIGURE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "attnscope/figure.h"
#include "attnscope/status.h"

namespace attnscope::tools {

// A figure as the bytes of a PNG file, compressed by libdeflate instead of stb: the pixels of EncodePng in fewer bytes.
Status FigurePng(FigureKind kind, const FigureData& data, const FigureOptions& options, std::vector<uint8_t>* png);

// As WriteFigureOf, but PNG files have the bytes of FigurePng.
Status WriteFigureFile(FigureKind kind, const FigureData& data, const FigureOptions& options, const std::string& path);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_OUTPUT_FIGURE_FILE_H_
