// SPDX-License-Identifier: Apache-2.0
//
// Huffman codes as deflate (RFC 1951) wants them. Included by deflate.cc.
#ifndef ATTNSCOPE_RENDER_HUFFMAN_H_
#define ATTNSCOPE_RENDER_HUFFMAN_H_

#include <cstdint>
#include <span>
#include <vector>

namespace attnscope::render {

// One symbol's code: `length` bits, 0 if the symbol is not used. Deflate sends codes from their highest bit, everything
// else from its lowest: `bits` are reversed, ready to be sent like a number.
struct HuffmanCode {
  uint16_t bits = 0;
  uint8_t length = 0;
};

// The canonical code for symbols that occur this often, no code longer than `max_length`: optimal, but for the rare
// case that the limit binds. If only one symbol occurs, it gets one bit. O(n log n).
std::vector<HuffmanCode> MakeHuffmanCode(std::span<const uint32_t> counts, int max_length);

// The canonical code with these lengths.
std::vector<HuffmanCode> CanonicalCode(std::span<const uint8_t> lengths);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_HUFFMAN_H_
