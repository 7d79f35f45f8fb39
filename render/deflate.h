// SPDX-License-Identifier: Apache-2.0
//
// A zlib compressor for pictures of lines and text on a plain ground. stb_image_write has one of its own, with fixed
// codes, which takes over four times as long for the default figure and makes the file a quarter larger. Included by
// png.cc.
#ifndef ATTNSCOPE_RENDER_DEFLATE_H_
#define ATTNSCOPE_RENDER_DEFLATE_H_

#include <cstdint>
#include <span>
#include <vector>

namespace attnscope::render {

// The bytes as a zlib stream (RFC 1950, 1951). The same bytes give the same stream. Throws std::bad_alloc only.
// Thread-safe. At most 2^31 - 1 bytes.
std::vector<uint8_t> CompressZlib(std::span<const uint8_t> bytes);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_DEFLATE_H_
