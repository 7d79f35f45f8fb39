// SPDX-License-Identifier: Apache-2.0
//
// attnscope analyze: files of attention to a table, verdicts, a report and a picture.
#include <memory>

#include "attnscope/figure.h"
#include "attnscope/thread_runner.h"
#include "attnscope/write_file.h"
#include "tools/analysis/analysis.h"
#include "tools/analysis/plan.h"
#include "tools/commands/command.h"
#include "tools/commands/output_check.h"
#include "tools/commands/picture_path.h"
#include "tools/commands/verdict_options.h"
#include "tools/output/figure_file.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Measure attention weights: table, verdicts, report and picture.";

constexpr const char* kDetails =
    "FILE: .npy, .npz or .safetensors with post-softmax weights in float16, bfloat16 (safetensors), float32 or "
    "float64\n"
    "(which is rounded to float32). Shapes: [n, n], [heads, n, n], [batch, heads, n, n], [layers, batch, heads, n, "
    "n];\n"
    "keys may be more or fewer than queries.\n"
    "The layer is the last number in the tensor's name, or else in the file's: 0 for use_long_L0_attn.npy, 3 for\n"
    "blocks.3.attn.weights, but 8 for layers.12.attn.head8: give --layer. Tensors of one layer are further sequences.\n"
    "\n"
    "--logits files have the same shapes and names. --qk takes queries [n, head_dim], [heads, n, head_dim], [batch, "
    "heads,\n"
    "n, head_dim] or [layers, batch, heads, n, head_dim] (--token-major: n before heads) and keys, which may have "
    "other n\n"
    "and fewer heads: two files, once for each layer, or one archive. Of an archive, queries are the tensors with the "
    "word\n"
    "q, query or queries in their names, keys those with k, key or keys (layers.3.q and layers.3.k, L3_q_proj and\n"
    "L3_k_proj); names with the word weight, bias or norm are passed over; --q-tensor and --k-tensor choose others.\n"
    "They go together by layer, in the order of the file.\n"
    "\n"
    "Verdicts are about heads too, with and without --per-head.\n"
    "Exit code: 0; 1 if --fail-on asks for it; 2 after an error.\n"
    "\n"
    "Examples:\n"
    "  attnscope analyze run_L*_attn.npy -o report.json --png summary.png\n"
    "  attnscope analyze dump.safetensors --tensor '*.attn' --causal --per-head\n"
    "  attnscope analyze --qk L0_q.npy L0_k.npy --qk L1_q.npy L1_k.npy --causal\n"
    "  attnscope analyze --qk dump.safetensors --q-tensor '*.query' --k-tensor '*.key' --scale 0.125 --soft-cap 50\n"
    "  attnscope analyze L0_attn.npy --residual L0_in.npy L0_out.npy --fail-on critical\n"
    "  attnscope analyze dump.npz --epoch 10 --stage val --png logs/\n"
    "    draws logs/val_transformer_diagnostics/summary.png\n";

struct AnalyzeOptions {
  PlanInputs inputs;
  VerdictOptions verdicts;
  std::string report_path;
  std::string png;
  std::string stage;
  std::optional<int64_t> epoch;
  size_t threads = 0;
  double scale = 0.0;
  double soft_cap = 0.0;
  bool causal = false;
  bool token_major = false;
  bool mean_matrix = false;
  bool json = false;
};

// A number that the softmax can take: the default, or one that is not out of all proportion.
CLI::Validator FactorRange() { return CLI::Range(0x1p-96, 0x1p96).description(""); }

// Logits, and queries and keys.
void AddLogitOptions(CLI::App* app, AnalyzeOptions* options) {
  constexpr size_t kMaxHeads = 65536;
  app->add_option("--logits", options->inputs.logit_files, "Files of logits instead of weights")->type_name("FILE");
  app->add_option("--qk", options->inputs.query_key_files,
                  "Files of queries and keys instead of weights, or one archive of both.\nMay be repeated, see below")
      ->type_name("Q_FILE K_FILE")
      ->expected(1, 2)
      ->take_all();
  app->add_option("--q-tensor", options->inputs.query_globs, "Of archives, which tensors are queries. May be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option("--k-tensor", options->inputs.key_globs, "Of archives, which tensors are keys. May be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option("--kv-heads", options->inputs.kv_heads,
                  "Heads of the keys: checked, and needed for keys [n, kv_heads * head_dim]")
      ->check(CLI::Range(size_t{1}, kMaxHeads).description(""))
      ->type_name("N");
  app->add_flag("--token-major", options->token_major, "Queries and keys are [..., n, heads, head_dim]");
  app->add_option("--scale", options->scale,
                  "Multiply logits, or products of queries and keys, by this.\n"
                  "Default: 1 for logits, 1 / sqrt(head_dim) for queries and keys")
      ->check(FactorRange())
      ->type_name("X");
  app->add_option("--soft-cap", options->soft_cap, "Then cap them softly: X * tanh(logit / X)")
      ->check(FactorRange())
      ->type_name("X");
}

void AddOptions(CLI::App* app, AnalyzeOptions* options) {
  constexpr int64_t kMaxLayer = 999'999'999;
  constexpr size_t kMaxThreads = 4096;
  app->add_option("FILE", options->inputs.files, "Files of attention weights, see below")->type_name("");
  app->add_option("-o,--output", options->report_path, "Write the report as JSON")->type_name("PATH");
  app->add_option("--png", options->png, "Draw the summary to this file (SVG if it ends in .svg), or into this folder")
      ->type_name("PATH");
  app->add_option("--residual", options->inputs.residuals,
                  "Residual stream before and after a block, [tokens, channels] or\n"
                  "[batch, tokens, channels]. Once for each layer, the last number in IN's name")
      ->type_name("IN OUT")
      ->allow_extra_args(false);
  app->add_option("--tensor", options->inputs.tensor_globs,
                  "Of archives, measure only tensors whose names match this shell pattern.\nMay be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app->add_option("--layer", options->inputs.layer, "The layer of all files, whatever their names say")
      ->check(CLI::Range(int64_t{0}, kMaxLayer).description(""))
      ->type_name("N");
  app->add_option("--epoch", options->epoch, "Note the epoch in report and picture")->type_name("N");
  app->add_option("--stage", options->stage, "Note the stage (train, val, ...) in the report")->type_name("NAME");
  AddLogitOptions(app, options);
  app->add_flag("--causal", options->causal, "Ignore the keys after each query; the last query sees all keys");
  app->add_flag("--mean-matrix", options->mean_matrix,
                "First average over batch and heads, then measure, as many training loops do.\n"
                "It hides collapsed heads");
  app->add_option("--threads", options->threads, "Threads to use; 0: one for each processor")
      ->check(CLI::Range(size_t{0}, kMaxThreads).description(""))
      ->type_name("N")
      ->capture_default_str();
  app->add_flag("--json", options->json, "Print the report as JSON instead of the table");
}

// Says so if a layer does not look like attention: logits, or another tensor that an archive had.
void NoteStrangeLayers(const Report& report) {
  for (const LayerReport& layer : report.layers) {
    const MetricValues& values = layer.stats.layer;
    const double strange = values[Metric::kInvalidRows] + values[Metric::kUnnormalisedRows];
    if (strange > 0.5 * values[Metric::kRows]) {
      PrintError("note: most rows of layer " + std::to_string(layer.layer) +
                 " are no distributions: are these post-softmax weights?");
    }
  }
}

Status Measure(const AnalyzeOptions& options, Report* report) {
  Plan plan;
  PlanInputs inputs = options.inputs;
  if (options.token_major) inputs.layout = QueryKeyLayout::kTokenMajor;
  Status status = MakePlan(inputs, &plan);
  if (!status.ok()) return status;
  for (const std::string& note : plan.notes) PrintError("note: " + note);
  ThreadRunner threads;
  status = ThreadRunner::Create(options.threads, &threads);
  if (!status.ok()) return status;
  ProgressBar bar(PlanSize(plan));
  AnalysisOptions analysis;
  analysis.causal = options.causal;
  analysis.mean_matrix = options.mean_matrix;
  analysis.scale = options.scale;
  analysis.soft_cap = options.soft_cap;
  analysis.runner = threads.runner();
  analysis.on_progress = [&bar](size_t elements) { bar.Advance(elements); };
  report->epoch = options.epoch;
  report->stage = options.stage;
  return Analyze(plan, analysis, report);
}

Status CheckOutputs(const AnalyzeOptions& options) {
  std::vector<std::string> inputs = options.inputs.files;
  const auto add = [&inputs](const std::vector<std::string>& paths) {
    inputs.insert(inputs.end(), paths.begin(), paths.end());
  };
  add(options.inputs.logit_files);
  for (const std::vector<std::string>& paths : options.inputs.query_key_files) add(paths);
  for (const auto& [before, after] : options.inputs.residuals) add({before, after});
  Status status = CheckOutput("--output", options.report_path, inputs);
  return status.ok() ? CheckOutput("--png", options.png, inputs) : status;
}

Status WriteFiles(const AnalyzeOptions& options, const Report& report, const std::string& json) {
  Status status;
  if (!options.report_path.empty()) status = WriteFileAtomically(options.report_path, json);
  if (!status.ok() || options.png.empty()) return status;
  FigureOptions figure;
  status = ReadThresholds(options.verdicts.thresholds, &figure.thresholds);
  std::string path;
  if (status.ok()) status = PicturePath(options.png, options.stage, &path);
  return status.ok() ? WriteFigureFile(FigureKind::kSummary, {&report, 1}, figure, path) : status;
}

Status Run(const AnalyzeOptions& options, bool* findings) {
  const PlanInputs& inputs = options.inputs;
  if (inputs.files.empty() && inputs.logit_files.empty() && inputs.query_key_files.empty() &&
      inputs.residuals.empty()) {
    return {StatusCode::kInvalidArgument,
            "analyze needs a FILE, --logits, --qk or --residual; see attnscope analyze --help"};
  }
  Status status = CheckOutputs(options);
  Report report;
  if (status.ok()) status = Measure(options, &report);
  if (!status.ok()) return status;
  NoteStrangeLayers(report);
  std::vector<Verdict> verdicts;  // of the heads too, also where the report will not have them
  status = DiagnoseWith(options.verdicts, report, &verdicts);
  if (!status.ok()) return status;
  if (!options.verdicts.per_head) {
    for (LayerReport& layer : report.layers) layer.stats.heads.clear();
  }
  const std::string json = ReportToJson(report);
  status = WriteFiles(options, report, json);
  if (!status.ok()) return status;
  *findings = IsFailure(options.verdicts, verdicts);
  return options.json ? PrintOut(json) : PrintReport(options.verdicts, report, verdicts);
}

}  // namespace

Command AddAnalyzeCommand(CLI::App* parent) {
  const auto options = std::make_shared<AnalyzeOptions>();
  CLI::App* const app = parent->add_subcommand("analyze", kSummary);
  app->footer(kDetails);
  AddOptions(app, options.get());
  AddVerdictOptions(app, &options->verdicts);
  return {app, [options](bool* findings) { return Run(*options, findings); }};
}

}  // namespace attnscope::tools
