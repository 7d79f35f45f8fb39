// SPDX-License-Identifier: Apache-2.0
//
// PNG files from images: 8-bit RGB, or 8-bit indexed where the image has at most 256 colours.
#include "render/draw/png.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb_image_write.h>

#include "attnscope/write_file.h"

namespace attnscope {
namespace {

// Of stb's levels, 5 takes 60 ms for the default figure and 8 takes 82 ms for 1 % less (one run, GCC 12).
constexpr int kStbLevel = 5;
constexpr size_t kMaxColors = 256;
constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";

bool CompressByStb(std::span<const uint8_t> bytes, std::vector<uint8_t>* out) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) return false;
  int size = 0;
  // It only reads the bytes.
  unsigned char* const stream =
      stbi_zlib_compress(const_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), &size, kStbLevel);
  if (stream == nullptr) return false;
  const auto free_stream = [](unsigned char* memory) { STBIW_FREE(memory); };
  const std::unique_ptr<unsigned char, decltype(free_stream)> owner(stream, free_stream);
  out->assign(stream, stream + size);
  return true;
}

void AppendBigEndian(uint32_t number, std::vector<uint8_t>* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<uint8_t>(number >> shift & 0xFF));
}

// What each byte makes of a CRC-32 that is zero (PNG specification, annex D).
constexpr std::array<uint32_t, 256> kCrcOfByte = []() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
    table[byte] = crc;
  }
  return table;
}();

uint32_t Crc32(std::span<const uint8_t> bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const uint8_t byte : bytes) crc = crc >> 8 ^ kCrcOfByte[(crc ^ byte) & 0xFF];
  return ~crc;
}

void AppendChunk(std::string_view name, std::span<const uint8_t> data, std::vector<uint8_t>* out) {
  AppendBigEndian(static_cast<uint32_t>(data.size()), out);
  const size_t begin = out->size();
  out->insert(out->end(), name.begin(), name.end());
  out->insert(out->end(), data.begin(), data.end());
  AppendBigEndian(Crc32(std::span(*out).subspan(begin)), out);
}

struct Pixels {
  std::vector<uint8_t> rows;     // each begins with its filter, 0: none
  std::vector<uint8_t> palette;  // red, green, blue; empty if the rows are RGB
};

// Rows are stored as they are: what repeats in a figure repeats exactly, and of the filters Sub and Up make the default
// figure 18 and 6 % larger. An index for each pixel takes a third of the time and half of the bytes, but most figures
// have some 3000 colours, from blending at edges.
//
// Takes the image's pixels and works in place, from the last row to the first, where ReservePixels has left room.
Pixels RgbPixels(Image* image) {
  Pixels pixels;
  const size_t stride = 3 * static_cast<size_t>(image->width);
  const auto height = static_cast<size_t>(image->height);
  pixels.rows = std::move(image->rgb);
  pixels.rows.resize((stride + 1) * height);
  uint8_t* const rows = pixels.rows.data();
  for (size_t y = height; y-- > 0;) {
    std::copy_backward(rows + y * stride, rows + (y + 1) * stride, rows + (y + 1) * (stride + 1));
    rows[y * (stride + 1)] = 0;
  }
  return pixels;
}

// Fails where there are too many colours, usually within a few rows.
bool IndexPixels(const Image& image, Pixels* out) {
  std::unordered_map<uint32_t, uint8_t> indices;
  Pixels pixels;
  uint32_t last_color = 0;
  uint8_t last_index = 0;
  const uint8_t* rgb = image.rgb.data();
  for (int y = 0; y < image.height; ++y) {
    pixels.rows.push_back(0);
    for (int x = 0; x < image.width; ++x, rgb += 3) {
      const uint32_t color = uint32_t{rgb[0]} << 16 | uint32_t{rgb[1]} << 8 | rgb[2];
      if (color != last_color || pixels.palette.empty()) {
        const auto [entry, is_new] = indices.try_emplace(color, static_cast<uint8_t>(indices.size()));
        if (is_new && indices.size() > kMaxColors) return false;
        if (is_new) pixels.palette.insert(pixels.palette.end(), rgb, rgb + 3);
        last_color = color;
        last_index = entry->second;
      }
      pixels.rows.push_back(last_index);
    }
  }
  *out = std::move(pixels);
  return true;
}

std::vector<uint8_t> Header(const Image& image, bool is_indexed) {
  std::vector<uint8_t> header;
  AppendBigEndian(static_cast<uint32_t>(image.width), &header);
  AppendBigEndian(static_cast<uint32_t>(image.height), &header);
  constexpr uint8_t kRgb = 2;
  constexpr uint8_t kIndexed = 3;
  header.insert(header.end(), {8, is_indexed ? kIndexed : kRgb, 0, 0, 0});
  return header;
}

// In pixels per metre.
std::vector<uint8_t> Resolution(double pixels_per_inch) {
  const double per_metre = std::clamp(std::round(pixels_per_inch / 0.0254), 1.0, 2147483647.0);
  std::vector<uint8_t> resolution;
  AppendBigEndian(static_cast<uint32_t>(per_metre), &resolution);
  AppendBigEndian(static_cast<uint32_t>(per_metre), &resolution);
  resolution.push_back(1);  // the unit is the metre
  return resolution;
}

Status CheckImage(const Image& image) {
  const auto pixels = static_cast<int64_t>(image.width) * image.height;
  if (image.width > 0 && image.height > 0 && pixels <= int64_t{1} << 28 &&
      image.rgb.size() == 3 * static_cast<size_t>(pixels)) {
    return {};
  }
  return {StatusCode::kInvalidArgument, "image is " + std::to_string(image.width) + " x " +
                                            std::to_string(image.height) + " but holds " +
                                            std::to_string(image.rgb.size()) + " bytes"};
}

Status NoMemory(const Image& image) {
  return {StatusCode::kOutOfMemory,
          "no memory for the PNG of " + std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels"};
}

}  // namespace

namespace render {

void ReservePixels(Image* image) {
  image->rgb.reserve((3 * static_cast<size_t>(image->width) + 1) * static_cast<size_t>(image->height));
}

Status EncodePngWith(Image&& image, Compress compress, std::vector<uint8_t>* out) {
  if (Status status = CheckImage(image); !status.ok()) return status;
  Status no_memory = NoMemory(image);
  try {
    Pixels pixels;
    if (!IndexPixels(image, &pixels)) pixels = RgbPixels(&image);
    std::vector<uint8_t> stream;
    if (!compress(pixels.rows, &stream)) return no_memory;
    std::vector<uint8_t> png(kSignature.begin(), kSignature.end());
    png.reserve(stream.size() + 2048);
    AppendChunk("IHDR", Header(image, !pixels.palette.empty()), &png);
    AppendChunk("pHYs", Resolution(image.pixels_per_inch), &png);
    if (!pixels.palette.empty()) AppendChunk("PLTE", pixels.palette, &png);
    AppendChunk("IDAT", stream, &png);
    AppendChunk("IEND", {}, &png);
    *out = std::move(png);
  } catch (const std::bad_alloc&) {
    return no_memory;
  }
  return {};
}

}  // namespace render

Status EncodePng(const Image& image, std::vector<uint8_t>* out) {
  if (Status status = CheckImage(image); !status.ok()) return status;  // before a copy is made
  try {
    return render::EncodePngWith(Image(image), &CompressByStb, out);
  } catch (const std::bad_alloc&) {
    return NoMemory(image);
  }
}

Status WritePng(const Image& image, const std::string& path) {
  std::vector<uint8_t> bytes;
  if (Status status = EncodePng(image, &bytes); !status.ok()) return status;
  return WriteFileAtomically(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace attnscope
