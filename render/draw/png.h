// SPDX-License-Identifier: Apache-2.0
//
// PNG files by a compressor of the caller's choice.
#ifndef ATTNSCOPE_RENDER_DRAW_PNG_H_
#define ATTNSCOPE_RENDER_DRAW_PNG_H_

#include <cstdint>
#include <span>
#include <vector>

#include "attnscope/figure.h"
#include "attnscope/status.h"

namespace attnscope::render {

// Makes a zlib stream of the bytes, in place of what `out` held. False if there is no memory.
using Compress = bool (*)(std::span<const uint8_t> bytes, std::vector<uint8_t>* out);

// Makes room for the pixels of an image whose width and height are set, and for what EncodePngWith adds to each row.
void ReservePixels(Image* image);

// As EncodePng, with this compressor. The image's memory is used up.
Status EncodePngWith(Image&& image, Compress compress, std::vector<uint8_t>* out);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DRAW_PNG_H_
