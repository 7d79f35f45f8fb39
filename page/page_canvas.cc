// SPDX-License-Identifier: Apache-2.0
#include "page/page_canvas.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "page/page_text.h"

namespace attnscope::page {
namespace {

constexpr size_t kMostPositions = 60;  // of curves, whose values are told: of more, those at even distances
constexpr int kMaxMapsTold = 64;       // maps whose cells' values are told

void AppendNumber(double value, std::string* out) { *out += std::isfinite(value) ? NumberText(value) : "null"; }

template <typename Values, typename Append>
void AppendArray(const Values& values, const Append& append, std::string* out) {
  *out += '[';
  bool is_first = true;
  for (const auto& value : values) {
    if (!is_first) *out += ',';
    is_first = false;
    append(value);
  }
  *out += ']';
}

std::vector<size_t> Told(size_t positions) {
  std::vector<size_t> told;
  if (positions <= kMostPositions) {
    for (size_t i = 0; i < positions; ++i) told.push_back(i);
    return told;
  }
  for (size_t i = 0; i < kMostPositions; ++i) told.push_back(i * (positions - 1) / (kMostPositions - 1));
  return told;
}

}  // namespace

void PageCanvas::Describe(const render::Region& region) {
  if (region.kind == render::Region::Kind::kMap && ++maps_ > kMaxMapsTold) return;
  constexpr std::array<std::string_view, 3> kKinds = {"cells", "curves", "map"};
  if (!regions_.empty()) regions_ += ",\n";
  std::string& json = regions_;
  json += "{\"kind\":\"" + std::string(kKinds[static_cast<size_t>(region.kind)]) +
          "\",\"title\":" + JsonText(region.title) + ",\"across\":" + JsonText(region.across);
  const auto number = [&](double value) { AppendNumber(value, &json); };
  const auto integer = [&](int64_t value) { json += std::to_string(value); };
  const auto member = [&](std::string_view name, const auto& values, const auto& append) {
    ((json += ",\"") += name) += "\":";
    AppendArray(values, append, &json);
  };
  member("box", std::array{region.box.left, region.box.top, region.box.right, region.box.bottom}, number);
  member("rows", region.rows, integer);
  member("names", region.lines, [&](const render::Region::Line& line) { json += JsonText(line.name); });
  if (region.kind == render::Region::Kind::kCurves) {
    const std::vector<size_t> told = Told(region.columns.size());
    member("columns", told, [&](size_t i) { integer(region.columns[i]); });
    member("xs", told, [&](size_t i) { number(region.xs[i]); });
    member("scale", std::array{region.low, region.high, region.is_log ? 1.0 : 0.0}, number);
    member("values", region.lines, [&](const render::Region::Line& line) {
      AppendArray(
          told, [&](size_t i) { number(i < line.values.size() ? line.values[i] : NAN); }, &json);
    });
  } else {
    member("columns", region.columns, integer);
    member("values", region.lines, [&](const render::Region::Line& line) { AppendArray(line.values, number, &json); });
  }
  json += '}';
}

std::string PageCanvas::Svg(std::string_view name, std::string_view title) const {
  std::string svg = svg_.Document(title);
  const std::string start = "<svg ";
  return start + "class=\"" + std::string(name) + "\" tabindex=\"0\" aria-label=\"" + Escaped(title) + "\" " +
         svg.substr(start.size());
}

}  // namespace attnscope::page
