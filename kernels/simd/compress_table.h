// SPDX-License-Identifier: Apache-2.0
//
// Which of eight lanes move to the front, for each choice of lanes. No SIMD here.
#ifndef ATTNSCOPE_KERNELS_SIMD_COMPRESS_TABLE_H_
#define ATTNSCOPE_KERNELS_SIMD_COMPRESS_TABLE_H_

#include <stdint.h>

namespace attnscope {

// indices[bits]: the lanes whose bits are set, the lowest first, four bits for each from the lowest; zeros behind them.
struct CompressTable {
  uint32_t indices[256];
};

constexpr CompressTable MakeCompressTable() {
  CompressTable table{};
  for (uint32_t bits = 0; bits < 256; ++bits) {
    uint32_t shift = 0;
    for (uint32_t lane = 0; lane < 8; ++lane) {
      if ((bits >> lane & 1) == 0) continue;
      table.indices[bits] |= lane << shift;
      shift += 4;
    }
  }
  return table;
}

inline constexpr CompressTable kCompressTable = MakeCompressTable();

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_SIMD_COMPRESS_TABLE_H_
