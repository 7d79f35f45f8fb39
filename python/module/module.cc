// SPDX-License-Identifier: Apache-2.0
//
// attnscope._core, the C++ half of the package. What people use of it is named in attnscope/__init__.py.
#include "python/module/module.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "attnscope/target.h"
#include "python/module/errors.h"

NB_MODULE(_core, module) {
  namespace python = attnscope::python;
  module.doc() = "The C++ half of attnscope.";
  module.attr("__version__") = nanobind::str(attnscope::Version().data(), attnscope::Version().size());
  module.def("compiled_targets", &attnscope::CompiledTargets,
             "The SIMD targets whose kernels are compiled in, the best first, by Highway's names.");
  module.def("chosen_target", &attnscope::ChosenTarget, "The SIMD target that kernels run on.");
  module.def(
      "force_target", [](const std::string& name) { python::Check(attnscope::ForceTarget(name)); },
      nanobind::arg("name"),
      "Makes kernels run on one target from now on; '' restores the choice by the CPU. Call it while nothing is "
      "measured. Raises ValueError for a target that is not compiled in or that this CPU lacks.");
  python::BindStats(module);
  python::BindAccumulator(module);
  python::BindReport(module);
  python::BindDiagnosis(module);
  python::BindAttentionMaps(module);
  python::BindFigure(module);
  python::BindPage(module);
  python::BindMonitor(module);
  python::BindRows(module);
  python::BindKeyScores(module);
  python::BindKernels(module);
}
