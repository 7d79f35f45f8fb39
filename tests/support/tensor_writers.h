// SPDX-License-Identifier: Apache-2.0
//
// Files of tensors as tests need them: in every format and type that attnscope reads, and with every field open to
// tampering. Included by the tests of the tools.
#ifndef ATTNSCOPE_TESTS_SUPPORT_TENSOR_WRITERS_H_
#define ATTNSCOPE_TESTS_SUPPORT_TENSOR_WRITERS_H_

#include <zlib.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace attnscope::testing_tools {

// Little-endian bytes of an integer.
template <typename T>
std::string Le(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Rounded to float16 by halves of a unit in the last place; for values in float16's normal range, and zero.
inline uint16_t HalfOf(float value) {
  if (value == 0.0f) return 0;
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);                          // in [0.5, 1)
  const auto digits = static_cast<int>(std::lround(std::ldexp(fraction, 11)));  // 1024 to 2048
  return static_cast<uint16_t>(((exponent + 14) << 10) + (digits - 1024));
}
inline float FloatOfHalf(uint16_t half) {
  if (half == 0) return 0.0f;
  return std::ldexp(static_cast<float>((half & 1023) + 1024), (half >> 10) - 25);
}
inline uint16_t BFloatOf(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>(bits >> 16);
}
inline float FloatOfBFloat(uint16_t half) {
  const uint32_t bits = uint32_t{half} << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline std::string ShapeTuple(const std::vector<size_t>& shape) {
  std::string text = "(";
  for (const size_t size : shape) text += std::to_string(size) + ", ";
  return text + ")";
}

// A .npy file with this header text, padded as numpy does.
inline std::string NpyWithHeader(std::string dictionary, const std::string& elements, int version = 1) {
  const size_t prelude = version == 1 ? 10 : 12;
  while ((prelude + dictionary.size() + 1) % 64 != 0) dictionary += ' ';
  dictionary += '\n';
  const std::string length =
      version == 1 ? Le(static_cast<uint16_t>(dictionary.size())) : Le(static_cast<uint32_t>(dictionary.size()));
  return std::string("\x93NUMPY") + static_cast<char>(version) + '\0' + length + dictionary + elements;
}

inline std::string Npy(const std::string& descr, const std::vector<size_t>& shape, const std::string& elements,
                       int version = 1) {
  return NpyWithHeader("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + ShapeTuple(shape) + ", }",
                       elements, version);
}

inline std::string Deflated(const std::string& bytes) {
  z_stream stream = {};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, static_cast<uLong>(bytes.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct ZipEntry {
  std::string name;
  std::string bytes;
  bool deflate = false;
  uint16_t flags = 0;
  uint16_t method = 0;        // 0: as `deflate` says
  uint64_t claimed_size = 0;  // of the inflated bytes; 0: the true one
  uint32_t crc_error = 0;
  size_t padding = 0;  // bytes in the local header's extra field, which shift the content
};

// A zip archive, with zip64's fields throughout if asked for, as numpy writes them.
inline std::string Zip(const std::vector<ZipEntry>& entries, bool zip64 = false, const std::string& comment = "") {
  std::string archive;
  std::string directory;
  for (const ZipEntry& entry : entries) {
    const std::string content = entry.deflate ? Deflated(entry.bytes) : entry.bytes;
    const uint64_t size = entry.claimed_size == 0 ? entry.bytes.size() : entry.claimed_size;
    const auto crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(entry.bytes.data()), static_cast<uInt>(entry.bytes.size())));
    const auto method = static_cast<uint16_t>(entry.method != 0 ? entry.method : (entry.deflate ? 8 : 0));
    const auto small = [zip64](uint64_t value) { return Le(zip64 ? 0xFFFFFFFFu : static_cast<uint32_t>(value)); };
    const std::string common = Le(uint16_t{20}) + Le(entry.flags) + Le(method) + Le(uint32_t{0}) +
                               Le(crc ^ entry.crc_error) + small(content.size()) + small(size) +
                               Le(static_cast<uint16_t>(entry.name.size()));
    const std::string sizes = Le(size) + Le(uint64_t{content.size()});
    const std::string extra = zip64 ? Le(uint16_t{0x9999}) + Le(uint16_t{2}) + "xx" + Le(uint16_t{1}) +
                                          Le(uint16_t{24}) + sizes + Le(uint64_t{archive.size()})
                                    : "";
    const std::string local_extra =
        (zip64 ? Le(uint16_t{1}) + Le(uint16_t{16}) + sizes : "") + std::string(entry.padding, '\0');
    for (const std::string& part :
         {std::string("PK\1\2"), Le(uint16_t{20}), common, Le(static_cast<uint16_t>(extra.size())),
          std::string(10, '\0'), small(archive.size()), entry.name, extra}) {
      directory += part;
    }
    for (const std::string& part : {std::string("PK\3\4"), common, Le(static_cast<uint16_t>(local_extra.size())),
                                    entry.name, local_extra, content}) {
      archive += part;
    }
  }
  const size_t start = archive.size();
  archive += directory;
  const std::string count = Le(static_cast<uint16_t>(entries.size()));
  if (zip64) {
    const size_t end = archive.size();
    archive += std::string("PK\6\6") + Le(uint64_t{44}) + std::string(12, '\0') + Le(uint64_t{entries.size()}) +
               Le(uint64_t{entries.size()}) + Le(uint64_t{directory.size()}) + Le(uint64_t{start});
    archive += std::string("PK\6\7") + Le(uint32_t{0}) + Le(uint64_t{end}) + Le(uint32_t{1});
  }
  archive += std::string("PK\5\6") + std::string(4, '\0') + count + count +
             Le(zip64 ? 0xFFFFFFFFu : static_cast<uint32_t>(directory.size())) +
             Le(zip64 ? 0xFFFFFFFFu : static_cast<uint32_t>(start)) + Le(static_cast<uint16_t>(comment.size())) +
             comment;
  return archive;
}

// A .safetensors file with this JSON header.
inline std::string Safetensors(const std::string& header, const std::string& elements) {
  return Le(uint64_t{header.size()}) + header + elements;
}

// A member of the header.
inline std::string SafetensorsEntry(const std::string& name, const std::string& dtype, const std::vector<size_t>& shape,
                                    size_t begin, size_t end) {
  std::string sizes;
  for (const size_t size : shape) (sizes += sizes.empty() ? "" : ",") += std::to_string(size);
  return std::string("\"") + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + sizes + "],\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

}  // namespace attnscope::testing_tools

#endif  // ATTNSCOPE_TESTS_SUPPORT_TENSOR_WRITERS_H_
