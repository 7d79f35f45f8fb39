// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/verdict_options.h"

#include "tools/output/report_text.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {

void AddVerdictOptions(CommandLine* line, VerdictOptions* options) {
  AddJudgingOptions(line, &options->judging);
  line->AddOption(
          "--fail-on", &options->fail_on,
          "Exit with 1 if a verdict is at least this severe, or if nothing could be judged;\nunjudged: also if a "
          "layer could not be judged")
      .OneOf({"warning", "critical", "unjudged"})
      .Placeholder("warning|critical|unjudged");
  line->AddOption("--max-verdicts", &options->max_verdicts, "List at most N verdicts, the worst ones; 0 lists all")
      .Between(size_t{0}, size_t{1} << 40)
      .Placeholder("N")
      .ShowDefault();
  line->AddFlag("--per-head", &options->per_head,
                "Show each head in the table too; verdicts and reports have them always");
}

bool IsFailure(const VerdictOptions& options, const Diagnosis& diagnosis) {
  if (options.fail_on.empty()) return false;
  if (!diagnosis.is_judged) return true;
  const bool any = options.fail_on == "unjudged";
  for (const Diagnosis::Layer& layer : diagnosis.layers) {
    if (!layer.is_judged && (any || layer.outcome == Outcome::kIll)) return true;
  }
  const Severity bound = options.fail_on == NameOf(Severity::kCritical) ? Severity::kCritical : Severity::kWarning;
  return WorstSeverity(diagnosis.verdicts) >= bound;
}

Status PrintReport(const VerdictOptions& options, const Report& report, const Diagnosis& diagnosis) {
  const TextStyle style = {.color = ColorsWanted(), .per_head = options.per_head, .max_verdicts = options.max_verdicts};
  return PrintOut(FormatTable(report, diagnosis, style) + "\n" + FormatDiagnosis(diagnosis, style));
}

void AddKeysOption(CommandLine* line, std::optional<int64_t>* keys) {
  line->AddOption(
          "--keys", keys,
          "How many keys (tokens) the rows of a log had that does not say so: N x N attention.\nVerdicts on sinks "
          "and uniform attention need it")
      .Positive()
      .Placeholder("N");
}

}  // namespace attnscope::tools
