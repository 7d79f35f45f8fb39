// SPDX-License-Identifier: Apache-2.0
//
// How structs of the C interface grow without breaking programs that were compiled before.
//
// Such a struct begins with its size as the caller's header had it, and only ever grows at its end, by fields whose
// zero means what older libraries do. Three sizes decide what happens: the caller's, the library's own, and the first
// that was ever published. Where the caller's is
//
// - below the first, or no multiple of 8, it was not set, or is a pointer's size: refused;
// - from the first to the library's own, the caller is as old as that: fields behind its size keep their defaults, and
//   the bytes behind its size are neither read nor written;
// - above the library's own, the caller is newer: what the library does not know must be zero where it is read, and
//   becomes zero where it is written.
//
// Everything is inline, since each of the libraries needs it and none exports it.
#ifndef ATTNSCOPE_C_INTERFACE_STRUCT_SIZE_H_
#define ATTNSCOPE_C_INTERFACE_STRUCT_SIZE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "attnscope/attnscope_c.h"
#include "attnscope/status.h"
#include "c_interface/status.h"

namespace attnscope::c_interface {

// No struct is as large. It catches sizes that were never set.
inline constexpr size_t kMaxStructSize = 4096;

// sizeof(T) in the first header that was published with it. Such a number never changes.
template <typename T>
inline constexpr size_t kFirstSize = 0;
template <>
inline constexpr size_t kFirstSize<AttnscopeAttentionView> = 88;
template <>
inline constexpr size_t kFirstSize<AttnscopeMask> = 24;
template <>
inline constexpr size_t kFirstSize<AttnscopeKeyMaskView> = 48;
template <>
inline constexpr size_t kFirstSize<AttnscopeBiasView> = 40;
template <>
inline constexpr size_t kFirstSize<AttnscopeSoftmaxParams> = 40;
template <>
inline constexpr size_t kFirstSize<AttnscopeQueryKeyView> = 176;
template <>
inline constexpr size_t kFirstSize<AttnscopeFloat8Keys> = 64;
template <>
inline constexpr size_t kFirstSize<AttnscopeGgmlBlockKeys> = 40;
template <>
inline constexpr size_t kFirstSize<AttnscopeRows> = 40;
template <>
inline constexpr size_t kFirstSize<AttnscopeRowMeasures> = 152;
template <>
inline constexpr size_t kFirstSize<AttnscopeSoftmaxOutputs> = 48;
template <>
inline constexpr size_t kFirstSize<AttnscopeActivationView> = 56;
template <>
inline constexpr size_t kFirstSize<AttnscopeBufferView> = 24;
template <>
inline constexpr size_t kFirstSize<AttnscopeRunner> = 32;
template <>
inline constexpr size_t kFirstSize<AttnscopeLayerConfig> = 56;
template <>
inline constexpr size_t kFirstSize<AttnscopeKeyScoresConfig> = 56;
template <>
inline constexpr size_t kFirstSize<AttnscopeKeyChoice> = 32;
template <>
inline constexpr size_t kFirstSize<AttnscopeRowOutputs> = 376;
template <>
inline constexpr size_t kFirstSize<AttnscopeThresholds> = 152;
template <>
inline constexpr size_t kFirstSize<AttnscopeVerdict> = 56;
template <>
inline constexpr size_t kFirstSize<AttnscopeUnjudged> = 32;
template <>
inline constexpr size_t kFirstSize<AttnscopeMonitorConfig> = 152;
template <>
inline constexpr size_t kFirstSize<AttnscopeMetricInfo> = 48;
template <>
inline constexpr size_t kFirstSize<AttnscopeFigureOptions> = 24;
template <>
inline constexpr size_t kFirstSize<AttnscopeKeyProfile> = 56;
template <>
inline constexpr size_t kFirstSize<AttnscopeFigureData> = 56;
template <>
inline constexpr size_t kFirstSize<AttnscopeAttentionMap> = 64;

// The sizes of one struct that the library knows.
struct KnownSizes {
  size_t first;  // published
  size_t own;    // of this library
};

template <typename T>
constexpr KnownSizes KnownSizesOf() {
  static_assert(kFirstSize<T> != 0, "a struct that callers pass needs its first size");
  static_assert(kFirstSize<T> <= sizeof(T), "structs never shrink");
  static_assert(sizeof(T) % 8 == 0 && kFirstSize<T> % 8 == 0, "structs grow by multiples of 8 bytes");
  static_assert(std::is_trivially_copyable_v<T>);
  return {kFirstSize<T>, sizeof(T)};
}

inline Status CheckSize(const char* name, size_t size, KnownSizes known) {
  if (size >= known.first && size <= kMaxStructSize && size % 8 == 0) return {};
  return {StatusCode::kInvalidArgument, std::string(name) + "->struct_size is " + std::to_string(size) +
                                            ", expected the struct's sizeof, here " + std::to_string(known.own)};
}

// Copies a caller's struct of `size` bytes to `out`, `known.own` bytes, which hold the defaults.
inline Status ReadBytes(const char* name, const void* in, size_t size, KnownSizes known, void* out) {
  if (in == nullptr) return NullArgument(name);
  if (Status status = CheckSize(name, size, known); !status.ok()) return status;
  const char* const bytes = static_cast<const char*>(in);
  const char* const unknown = bytes + std::min(size, known.own);
  const char* const set = std::find_if(unknown, bytes + size, [](char byte) { return byte != 0; });
  if (set != bytes + size) {
    return {StatusCode::kInvalidArgument, std::string(name) + " sets fields that attnscope " + AttnscopeVersion() +
                                              " does not know: byte " + std::to_string(set - bytes) + " is not zero"};
  }
  std::memcpy(out, in, std::min(size, known.own));
  return {};
}

// Copies `in`, `known.own` bytes, to a caller's struct of `size` bytes, all but the field of the size.
inline Status WriteBytes(const char* name, const void* in, KnownSizes known, size_t size, void* out) {
  if (Status status = CheckSize(name, size, known); !status.ok()) return status;
  constexpr size_t kSizeField = sizeof(uint32_t);
  const size_t both = std::min(size, known.own);
  std::memcpy(static_cast<char*>(out) + kSizeField, static_cast<const char*>(in) + kSizeField, both - kSizeField);
  std::memset(static_cast<char*>(out) + both, 0, size - both);
  return {};
}

// A caller's struct, to `*out`, which holds the defaults. Errors: kInvalidArgument for null, for a size that no such
// struct has had, and for fields that only a newer library knows and that are not zero.
template <typename T>
Status ReadStruct(const char* name, const T* in, T* out) {
  return ReadBytes(name, in, in == nullptr ? 0 : in->struct_size, KnownSizesOf<T>(), out);
}

// `in` to a caller's struct, which keeps its size. Errors: kInvalidArgument for null and for a size that no such struct
// has had; `*out` is then unchanged.
template <typename T>
Status WriteStruct(const char* name, const T& in, T* out) {
  if (out == nullptr) return NullArgument(name);
  return WriteBytes(name, &in, KnownSizesOf<T>(), out->struct_size, out);
}

}  // namespace attnscope::c_interface

#endif  // ATTNSCOPE_C_INTERFACE_STRUCT_SIZE_H_
