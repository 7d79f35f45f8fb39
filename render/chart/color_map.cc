// SPDX-License-Identifier: Apache-2.0
#include "render/chart/color_map.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace attnscope::render {
namespace {

// Points at equal distances along a path through OKLab (Ottosson 2020): lightness from 0.24 to 0.94 in proportion, hue
// from 305 over 275, 215 and 150 to 105 degrees, chroma as large as sRGB allows up to 0.165.
constexpr std::array<uint32_t, 33> kPath = {
    0x2B0C44, 0x2E134E, 0x301B58, 0x322262, 0x332A6C, 0x333276, 0x313B7F, 0x2C4387, 0x244C8D, 0x1B5591, 0x105E94,
    0x056795, 0x027095, 0x027896, 0x058196, 0x0D8996, 0x139196, 0x169994, 0x1CA192, 0x28A98F, 0x37B08A, 0x48B685,
    0x58BC7E, 0x68C278, 0x78C973, 0x88CF70, 0x98D46C, 0xA9DA69, 0xBADF66, 0xCAE462, 0xDBE860, 0xECED5E, 0xFCF15D};

}  // namespace

Color ColorMap(int step) {
  constexpr int kLast = kColorMapSteps - 1;
  const int place = std::clamp(step, 0, kLast) * static_cast<int>(kPath.size() - 1);
  const auto i = std::min(static_cast<size_t>(place / kLast), kPath.size() - 2);
  const int rest = place - static_cast<int>(i) * kLast;
  const Color a = Rgb(kPath[i]);
  const Color b = Rgb(kPath[i + 1]);
  const auto mix = [&](int from, int to) {
    return static_cast<uint8_t>((from * (kLast - rest) + to * rest + kLast / 2) / kLast);
  };
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

int ColorMapStep(double share) {
  return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * (kColorMapSteps - 1)));
}

Color ContrastTo(const Color& color) {
  // Rec. 709 weights on the stored values: exact enough to choose between two.
  const double luma = 0.2126 * color.red + 0.7152 * color.green + 0.0722 * color.blue;
  return luma < 128.0 ? Rgb(0xFFFFFF) : Rgb(0x000000);
}

}  // namespace attnscope::render
