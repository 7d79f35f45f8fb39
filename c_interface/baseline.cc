// SPDX-License-Identifier: Apache-2.0
#include "attnscope/baseline.h"

#include <memory>
#include <string>
#include <vector>

#include "c_interface/handles.h"
#include "c_interface/status.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeBaselineCreate(const AttnscopeReport* const* reports, size_t num_reports,
                                        AttnscopeBaseline** out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    if (reports == nullptr && num_reports != 0) return NullArgument("reports");
    std::vector<Report> copies;
    for (size_t i = 0; i < num_reports; ++i) {
      if (reports[i] == nullptr) return NullArgument(("reports[" + std::to_string(i) + "]").c_str());
      copies.push_back(reports[i]->report);
    }
    auto baseline = std::make_unique<AttnscopeBaseline>();
    if (Status status = MakeBaseline(copies, &baseline->baseline); !status.ok()) return status;
    *out = baseline.release();
    return {};
  });
}

void AttnscopeBaselineDestroy(AttnscopeBaseline* baseline) { delete baseline; }

AttnscopeStatus AttnscopeBaselineCheck(const AttnscopeBaseline* baseline, const AttnscopeReport* report) {
  return Guarded([&]() -> Status {
    if (baseline == nullptr) return NullArgument("baseline");
    if (report == nullptr) return NullArgument("report");
    return CheckBaseline(report->report, baseline->baseline);
  });
}
