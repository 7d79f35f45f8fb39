// SPDX-License-Identifier: Apache-2.0
//
// What was found and what was not judged, as members of a JSON object: of reports and of the monitor's records.
#ifndef ATTNSCOPE_REPORT_DIAGNOSIS_JSON_H_
#define ATTNSCOPE_REPORT_DIAGNOSIS_JSON_H_

#include <string_view>

#include "attnscope/diagnosis.h"
#include "report/json_writer.h"

namespace attnscope::internal {

// "outcome", "verdicts", "as_in_baseline" if there is any, and "not_judged". `between` stands between the elements of
// the arrays, after the comma; verdicts name their layer on demand.
void AppendDiagnosis(const Diagnosis& diagnosis, bool with_layers, std::string_view between, JsonObject* object);

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_DIAGNOSIS_JSON_H_
