// SPDX-License-Identifier: Apache-2.0
#include "tools/files/decode.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

namespace attnscope::tools {
namespace {

// The float16 of the same value: E5M2 is its upper half.
uint16_t HalfOfE5M2(uint8_t bits) { return static_cast<uint16_t>(bits << 8); }

// Float16's exponent has a bias of 15, that of E4M3 one of 7. No infinity: all ones are NaN.
uint16_t HalfOfE4M3(uint8_t bits) {
  const auto sign = static_cast<uint16_t>((bits & 0x80) << 8);
  const int magnitude = bits & 0x7F;
  if (magnitude == 0x7F) return static_cast<uint16_t>(sign | 0x7E00);
  int exponent = magnitude >> 3;
  int fraction = magnitude & 7;
  if (exponent == 0) {
    if (fraction == 0) return sign;
    for (exponent = 1; (fraction & 8) == 0; --exponent) fraction <<= 1;
  }
  return static_cast<uint16_t>(sign | ((exponent + 8) << 10) | ((fraction & 7) << 7));
}

// One element after another, in C order.
class Decoder {
 public:
  Decoder(const TensorInfo& info, Bytes stored)
      : stored_(stored), from_bytes_(StoredBytes(info)), to_bytes_(ElementBytes(info.dtype)), info_(info) {
    if (info.storage == Storage::kSame) return;
    for (size_t i = 0; i < std::size(halves_); ++i) {
      const auto bits = static_cast<uint8_t>(i);
      halves_[i] = info.storage == Storage::kFloat8E4M3 ? HalfOfE4M3(bits) : HalfOfE5M2(bits);
    }
  }

  void Run(uint8_t* to) const {
    const std::vector<size_t>& shape = info_.shape;
    std::vector<size_t> index(shape.size(), 0);
    std::vector<size_t> strides(shape.size(), 1);  // elements, in the order that the file has
    for (size_t i = 1; i < shape.size(); ++i) {
      if (info_.is_fortran_order) {
        strides[i] = strides[i - 1] * shape[i - 1];
      } else {
        strides[shape.size() - 1 - i] = strides[shape.size() - i] * shape[shape.size() - i];
      }
    }
    const size_t count = stored_.size() / from_bytes_;
    size_t from = 0;
    for (size_t n = 0; n < count; ++n, to += to_bytes_) {
      Decode(stored_.data() + from * from_bytes_, to);
      for (size_t axis = shape.size(); axis-- > 0;) {
        from += strides[axis];
        if (++index[axis] < shape[axis]) break;
        from -= strides[axis] * shape[axis];
        index[axis] = 0;
      }
    }
  }

 private:
  void Decode(const uint8_t* from, uint8_t* to) const {
    if (info_.storage != Storage::kSame) {
      std::memcpy(to, &halves_[*from], sizeof(uint16_t));
    } else if (info_.is_big_endian) {
      std::reverse_copy(from, from + to_bytes_, to);
    } else {
      std::memcpy(to, from, to_bytes_);
    }
  }

  Bytes stored_;
  size_t from_bytes_;
  size_t to_bytes_;
  const TensorInfo& info_;
  uint16_t halves_[256] = {};
};

}  // namespace

Status DecodeElements(const TensorInfo& info, TensorData* data) {
  if (info.storage == Storage::kSame && !info.is_big_endian && !info.is_fortran_order) return {};
  TensorData decoded;
  uint8_t* buffer = nullptr;
  const size_t count = data->bytes().size() / StoredBytes(info);
  Status status = TensorData::Allocate(count * ElementBytes(info.dtype), &buffer, &decoded);
  if (!status.ok()) return status;
  Decoder(info, data->bytes()).Run(buffer);
  *data = std::move(decoded);
  return {};
}

}  // namespace attnscope::tools
