// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis_json.h"

#include <cmath>
#include <string>

namespace attnscope::internal {
namespace {

void AppendVerdict(const Verdict& verdict, bool with_layer, std::string* out) {
  JsonObject object(out);
  object.String("pathology", NameOf(verdict.pathology));
  object.String("severity", NameOf(verdict.severity));
  if (with_layer) object.Integer("layer", verdict.layer);
  if (verdict.head >= 0) object.Integer("head", verdict.head);
  object.String("metric", attnscope::InfoOf(verdict.metric).name);
  object.Number("value", verdict.value);
  object.Number("bound", verdict.bound);
  if (!std::isnan(verdict.baseline)) object.Number("baseline", verdict.baseline);
  object.String("message", verdict.message);
  object.End();
}

// An array whose elements `append` writes.
template <typename Elements, typename Append>
void AppendArray(const Elements& elements, std::string_view between, const Append& append, std::string* out) {
  *out += '[';
  for (const auto& element : elements) {
    if (&element != &elements.front()) (*out += ',') += between;
    append(element, out);
  }
  *out += ']';
}

}  // namespace

void AppendDiagnosis(const Diagnosis& diagnosis, bool with_layers, std::string_view between, JsonObject* object) {
  object->String("outcome", NameOf(diagnosis.outcome));
  const auto append_verdict = [&](const Verdict& verdict, std::string* to) { AppendVerdict(verdict, with_layers, to); };
  AppendArray(diagnosis.verdicts, between, append_verdict, object->Member("verdicts"));
  if (!diagnosis.as_in_baseline.empty()) {
    AppendArray(diagnosis.as_in_baseline, between, append_verdict, object->Member("as_in_baseline"));
  }
  const auto append_text = [](const std::string& text, std::string* to) { AppendJsonString(text, to); };
  AppendArray(SummarizeUnjudged(diagnosis), between, append_text, object->Member("not_judged"));
}

}  // namespace attnscope::internal
