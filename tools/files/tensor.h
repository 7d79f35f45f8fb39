// SPDX-License-Identifier: Apache-2.0
//
// What every file format is read into: a named array of known element type and shape, its elements in C order. Included
// by the readers and by the analysis.
#ifndef ATTNSCOPE_TOOLS_FILES_TENSOR_H_
#define ATTNSCOPE_TOOLS_FILES_TENSOR_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "attnscope/status.h"
#include "platform/bytes.h"

namespace attnscope::tools {

// Files hold little-endian numbers, which are used where they lie.
static_assert(std::endian::native == std::endian::little, "big-endian machines would need a copy of each tensor");

using platform::Bytes;

enum class Dtype : uint8_t {
  kFloat16,
  kBFloat16,
  kFloat32,
  kFloat64,
  kBool,
  kInt8,
  kUInt8,
  kInt16,
  kUInt16,
  kInt32,
  kUInt32,
  kInt64,
  kUInt64,
  kOther
};

// What a file has in place of a dtype that holds the same values.
enum class Storage : uint8_t { kSame, kFloat8E4M3, kFloat8E5M2 };

// Of a shape: as many as numpy allows.
inline constexpr size_t kMaxDimensions = 64;

// Zero for kOther.
constexpr size_t ElementBytes(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat16:
    case Dtype::kBFloat16:
    case Dtype::kInt16:
    case Dtype::kUInt16:
      return 2;
    case Dtype::kFloat32:
    case Dtype::kInt32:
    case Dtype::kUInt32:
      return 4;
    case Dtype::kFloat64:
    case Dtype::kInt64:
    case Dtype::kUInt64:
      return 8;
    case Dtype::kBool:
    case Dtype::kInt8:
    case Dtype::kUInt8:
      return 1;
    case Dtype::kOther:
      break;
  }
  return 0;
}

struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::kOther;  // of what TensorFile::Read gives
  // How the file has it.
  Storage storage = Storage::kSame;
  bool is_big_endian = false;
  bool is_fortran_order = false;
  std::vector<size_t> shape;
  // Why it cannot be read ("element type '<i8' is not supported"), or empty. Archives hold such tensors beside others;
  // they are an error only for who asks for them.
  std::string problem;
  // Of a problem: whole numbers, text or objects, which are no attention of any shape.
  bool is_never_attention = false;
  // Of a problem: the type of whole numbers or truth values, which options may name (see number_file.h).
  Dtype whole_dtype = Dtype::kOther;
  bool may_be_bfloat16 = false;  // of a problem: two bytes of no type, which is how numpy writes bfloat16
};

// "float16"; for people.
std::string TypeText(const TensorInfo& info);

// "[2, 8, 128, 128]"
std::string ShapeText(std::span<const size_t> shape);

// Bytes of an element in the file. Zero for kOther.
size_t StoredBytes(const TensorInfo& info);

// Bytes of a whole tensor in the file. Errors: kDataLoss if they overflow size_t. Needs a dtype other than kOther.
Status TensorBytes(const TensorInfo& info, size_t* bytes);

// The elements of a tensor, aligned for their type: in a mapped file, which must outlive them, or of their own.
class TensorData {
 public:
  TensorData() = default;

  // Uses `bytes` in place if they are aligned to `alignment`, else a copy. Errors: kOutOfMemory.
  static Status FromMapped(Bytes bytes, size_t alignment, TensorData* out);
  // `size` bytes to be filled through `*buffer`, which are not touched beforehand: a size that a hostile file made up
  // costs address space, not memory. Errors: kOutOfMemory.
  static Status Allocate(size_t size, uint8_t** buffer, TensorData* out);

  Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::unique_ptr<uint8_t[]> owned_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_TENSOR_H_
