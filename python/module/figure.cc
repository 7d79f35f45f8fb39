// SPDX-License-Identifier: Apache-2.0
#include "attnscope/figure.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <string>
#include <vector>

#include "python/module/argument.h"
#include "python/module/diagnosis.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "tools/output/figure_file.h"

namespace attnscope::python {
namespace {

FigureKind KindOf(const std::string& kind) {
  if (kind == "summary") return FigureKind::kSummary;
  if (kind == "heads") return FigureKind::kHeads;
  if (kind == "history") return FigureKind::kHistory;
  if (kind == "keys") return FigureKind::kKeys;
  if (kind == "maps") return FigureKind::kMaps;
  Throw(PyExc_ValueError, "kind is '" + kind + "', expected 'summary', 'heads', 'history', 'keys' or 'maps'");
}

// A figure that is described and not drawn yet.
struct Drawing {
  FigureKind kind = FigureKind::kSummary;
  std::vector<Report> reports;
  std::vector<KeyProfile> keys;
  std::vector<AttentionMap> maps;
  FigureOptions options;
  nb::object baseline;  // that options point at

  FigureData data() const { return {.reports = reports, .keys = keys, .maps = maps}; }
};

void Make(Drawing* memory, const std::string& kind, std::vector<Report> reports, std::vector<KeyProfile> keys,
          std::vector<AttentionMap> maps, const Argument<int, "width">& width, const Argument<int, "height">& height,
          const Argument<double, "scale">& scale, const Argument<bool, "plain">& plain,
          const Argument<bool, "dark">& dark, nb::handle thresholds, nb::handle baseline) {
  FigureOptions options = {.width = width, .height = height, .scale = scale, .plain = plain, .dark = dark};
  options.thresholds = ThresholdsOf(thresholds);
  options.baseline = BaselineOf(baseline);
  new (memory)
      Drawing{KindOf(kind), std::move(reports), std::move(keys), std::move(maps), options, nb::borrow(baseline)};
}

nb::bytes Png(const Drawing& drawing) {
  Status status;
  std::vector<uint8_t> png;
  {
    const nb::gil_scoped_release release;
    status = tools::FigurePng(drawing.kind, drawing.data(), drawing.options, &png);
  }
  Check(status);
  return nb::bytes(png.data(), png.size());
}

// [height, width, 3], of the image's own memory.
nb::object Rgb(const Drawing& drawing) {
  Status status;
  auto image = std::make_unique<Image>();
  {
    const nb::gil_scoped_release release;
    status = RenderFigureOf(drawing.kind, drawing.data(), drawing.options, image.get());
  }
  Check(status);
  const size_t shape[] = {static_cast<size_t>(image->height), static_cast<size_t>(image->width), 3};
  uint8_t* const pixels = image->rgb.data();
  const nb::capsule owner(image.release(), [](void* p) noexcept { delete static_cast<Image*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, uint8_t>(pixels, 3, shape, owner));
}

std::string Svg(const Drawing& drawing) {
  Status status;
  std::string svg;
  {
    const nb::gil_scoped_release release;
    status = RenderFigureSvgOf(drawing.kind, drawing.data(), drawing.options, &svg);
  }
  Check(status);
  return svg;
}

void Save(const Drawing& drawing, const std::string& path) {
  Status status;
  {
    const nb::gil_scoped_release release;
    status = tools::WriteFigureFile(drawing.kind, drawing.data(), drawing.options, path);
  }
  Check(status);
}

}  // namespace

void BindFigure(nb::module_& module) {
  constexpr FigureOptions kDefaults;
  nb::class_<Drawing>(module, "Drawing", "What attnscope.Figure is made of.")
      .def("__init__", &Make, nb::arg("kind"), nb::arg("reports"), nb::kw_only(),
           nb::arg("keys") = std::vector<KeyProfile>(), nb::arg("maps") = std::vector<AttentionMap>(),
           nb::arg("width") = kDefaults.width, nb::arg("height") = kDefaults.height, nb::arg("scale") = kDefaults.scale,
           nb::arg("plain") = kDefaults.plain, nb::arg("dark") = kDefaults.dark, nb::arg("thresholds") = nb::none(),
           nb::arg("baseline") = nb::none())
      .def("png", &Png)
      .def("rgb", &Rgb)
      .def("svg", &Svg)
      .def("save", &Save, nb::arg("path"));
}

}  // namespace attnscope::python
