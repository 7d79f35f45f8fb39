// SPDX-License-Identifier: Apache-2.0
//
// What the module attnscope._core is made of: each source adds its own.
#ifndef ATTNSCOPE_PYTHON_MODULE_MODULE_H_
#define ATTNSCOPE_PYTHON_MODULE_MODULE_H_

#include <nanobind/nanobind.h>

namespace attnscope::python {

void BindStats(nanobind::module_& module);
void BindAccumulator(nanobind::module_& module);
void BindReport(nanobind::module_& module);
void BindDiagnosis(nanobind::module_& module);
void BindFigure(nanobind::module_& module);
void BindPage(nanobind::module_& module);
void BindMonitor(nanobind::module_& module);
void BindAttentionMaps(nanobind::module_& module);
void BindKernels(nanobind::module_& module);
void BindRows(nanobind::module_& module);
void BindKeyScores(nanobind::module_& module);

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_MODULE_H_
