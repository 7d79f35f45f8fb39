// SPDX-License-Identifier: Apache-2.0
#include "attnscope/page.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "attnscope/write_file.h"
#include "python/module/diagnosis.h"
#include "python/module/errors.h"
#include "python/module/module.h"

namespace attnscope::python {
namespace {

std::string Page(const std::vector<Report>& reports, const std::vector<KeyProfile>& keys,
                 const std::vector<AttentionMap>& maps, nb::handle thresholds, nb::handle baseline) {
  FigureOptions options;
  options.thresholds = ThresholdsOf(thresholds);
  options.baseline = BaselineOf(baseline);
  Status status;
  std::string html;
  {
    const nb::gil_scoped_release release;
    status = RenderPage({.reports = reports, .keys = keys, .maps = maps}, options, &html);
  }
  Check(status);
  return html;
}

void WriteText(const std::string& path, const std::string& text) {
  Status status;
  {
    const nb::gil_scoped_release release;
    status = WriteFileAtomically(path, text);
  }
  Check(status);
}

}  // namespace

void BindPage(nb::module_& module) {
  module.def("page", &Page, nb::arg("reports"), nb::kw_only(), nb::arg("keys") = std::vector<KeyProfile>(),
             nb::arg("maps") = std::vector<AttentionMap>(), nb::arg("thresholds") = nb::none(),
             nb::arg("baseline") = nb::none(), "What attnscope.Page is made of.");
  module.def("write_text", &WriteText, nb::arg("path"), nb::arg("text"), "Writes a file, whole or not at all.");
}

}  // namespace attnscope::python
