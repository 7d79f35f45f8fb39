// SPDX-License-Identifier: Apache-2.0
//
// attnscope analyze: files of attention to a table, verdicts, a report, a picture, and a state to be merged.
#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/limits.h"
#include "tools/commands/command.h"
#include "tools/commands/measure_options.h"
#include "tools/commands/output_check.h"
#include "tools/commands/picture_options.h"
#include "tools/commands/report_output.h"
#include "tools/output/terminal.h"
#include "tools/state/state_file.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Measure attention weights: table, verdicts, report and picture.";

constexpr const char* kDetails =
    "FILE: .npy, .npz, .safetensors or an index of these (*.safetensors.index.json) with post-softmax weights in\n"
    "float16, bfloat16, float32, float64 (which is rounded to float32) or float8 (E4M3, E5M2 of safetensors).\n"
    "Shapes: [n, n], [heads, n, n], [batch, heads, n, n], [layers, batch, heads, n, n]; keys may be more or fewer "
    "than\n"
    "queries.\n"
    "The layer is the number after layer, block, h or L in the tensor's name, or else in the file's, else the last\n"
    "number that is no date, step or element type: 0 for use_long_L0_attn.npy, 12 for layers.12.attn.head8, 3 for "
    "T5's\n"
    "encoder.block.3.layer.0.SelfAttention. --layer and --layer-pattern say otherwise. Tensors of one layer are "
    "further\n"
    "sequences; different attention of one archive (self and cross, encoder and decoder) is to be chosen with "
    "--tensor.\n"
    "How each tensor is read is said on standard error. Other shapes are a matter of --axes: [layers, heads, n, n] of\n"
    "layers,heads,queries,keys, and the mean over heads [batch, n, n] of batch,queries,keys.\n"
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
    "--residual pairs by layer: 'L*_in.npy' 'L*_out.npy', quoted, or in.npz out.npz. One archive or pattern holds "
    "both\n"
    "sides by the words in and out, before and after, pre and post, or is a chain: hidden_3 to hidden_4 is layer 3.\n"
    "\n"
    "Verdicts and reports have heads too, with and without --per-head.\n"
    "\n"
    "Several processes: each writes what it measured with --state-out, attnscope merge adds it up. With --share I/N "
    "each "
    "is\n"
    "given all files and takes its part of them; --rows and --heads are for files that hold a part already.\n"
    "Exit code: 0; 1 if --fail-on asks for it; 2 after an error.\n"
    "\n"
    "Examples:\n"
    "  attnscope analyze run_L*_attn.npy -o report.json --png summary.png\n"
    "  attnscope analyze dump.safetensors --tensor '*.attn' --causal --per-head\n"
    "  attnscope analyze t5.safetensors --tensor 'decoder.*.EncDecAttention' --layer-pattern 'block\\.([0-9]+)'\n"
    "  attnscope analyze stack.npy --axes layers,heads,queries,keys\n"
    "  attnscope analyze --qk L0_q.npy L0_k.npy --qk L1_q.npy L1_k.npy --causal\n"
    "  attnscope analyze --qk dump.safetensors --q-tensor '*.query' --k-tensor '*.key' --scale 0.125 --soft-cap 50\n"
    "  attnscope analyze --qk llama.safetensors --q-heads 32 --kv-heads 8 --causal\n"
    "  attnscope analyze --logits gpt-oss.safetensors --causal --window 0/2:128 --sinks sinks.npy\n"
    "  attnscope analyze padded.npz --causal --key-lengths 512,317,96\n"
    "  attnscope analyze L0_attn.npy --residual L0_in.npy L0_out.npy --fail-on critical\n"
    "  attnscope analyze run_L*_attn.npy --residual 'run_L*_in.npy' 'run_L*_out.npy'\n"
    "  attnscope analyze --residual hidden_states.npz\n"
    "  attnscope analyze dump.npz --epoch 10 --stage val --png logs/\n"
    "    draws logs/val_transformer_diagnostics/summary.png\n"
    "  attnscope analyze dump.npz --figure keys --show-layers 0,8-11 --png keys.svg\n"
    "  attnscope analyze dump.safetensors --causal --row-metrics rows.npz --key-metrics keys.npz\n"
    "  attnscope analyze --qk L0_q.npy L0_k.npy --causal --figure maps --png maps.png\n"
    "  attnscope analyze dump.npz --html report.html\n"
    "  attnscope analyze dump.safetensors --share 2/8 --state-out part2.state\n";

struct AnalyzeOptions {
  MeasureOptions measure;
  OutputOptions output;
  PictureOptions picture;
  std::string share;  // "I/N"
  std::string rows;   // "FIRST/TOTAL"
  std::string heads;  // "FIRST/TOTAL"
  std::string row_metrics;
  std::string key_metrics;
};

// Reads two whole numbers, the first of them smaller, at most `most`. Errors: kInvalidArgument, naming the option.
Status ReadFraction(const char* option, const std::string& text, size_t most, size_t* first, size_t* total) {
  const char* const end = text.data() + text.size();
  const auto [slash, error] = std::from_chars(text.data(), end, *first);
  if (error == std::errc() && slash != end && *slash == '/') {
    const auto [stop, total_error] = std::from_chars(slash + 1, end, *total);
    if (total_error == std::errc() && stop == end && *first < *total && *total <= most) return {};
  }
  return {StatusCode::kInvalidArgument, std::string(option) + " " + text + ": needs two whole numbers, as in 0/8, " +
                                            "the first from 0 to the second less 1, the second at most " +
                                            std::to_string(most)};
}

Status ReadShare(const AnalyzeOptions& options, ShareOptions* share) {
  constexpr size_t kMaxRows = size_t{1} << 40;
  share->by = options.measure.share_by;
  share->mean_matrix = options.measure.mean_matrix;
  Status status;
  if (!options.share.empty()) status = ReadFraction("--share", options.share, kMaxShares, &share->index, &share->count);
  Pieces* const pieces = &share->pieces;
  if (status.ok() && !options.rows.empty()) {
    status = ReadFraction("--rows", options.rows, kMaxRows, &pieces->first_row, &pieces->all_rows);
  }
  if (status.ok() && !options.heads.empty()) {
    status = ReadFraction("--heads", options.heads, kMaxHeads, &pieces->first_head, &pieces->all_heads);
  }
  return status;
}

// Of what could only be misread.
Status CheckShare(const AnalyzeOptions& options) {
  const auto invalid = [](const char* message) { return Status(StatusCode::kInvalidArgument, message); };
  const bool is_part = !options.share.empty() || !options.rows.empty() || !options.heads.empty();
  if (is_part && options.output.state_path.empty()) {
    return invalid("--share, --rows and --heads measure a part: they need --state-out, for attnscope merge");
  }
  if (!options.share.empty() && (!options.rows.empty() || !options.heads.empty())) {
    return invalid("--share cannot go with --rows or --heads: files that are parts are not shared out");
  }
  if (!options.heads.empty() && options.measure.mean_matrix) {
    return invalid("--heads cannot go with --mean-matrix: the mean is over all heads");
  }
  if (is_part && (!options.row_metrics.empty() || !options.key_metrics.empty())) {
    return invalid(
        "--row-metrics and --key-metrics are of all rows and heads: they cannot go with --share, --rows or "
        "--heads");
  }
  if (options.share.empty() && options.measure.share_by != ShareBy::kAuto) return invalid("--share-by needs --share");
  return {};
}

// Measures, and then says what the weights speak against.
Status MeasureWithProgress(const Plan& plan, const Share& share, AnalysisOptions* analysis, SavedState* state) {
  std::vector<std::string> notes;
  Status status;
  {
    ProgressBar bar(ShareSize(plan, share));
    analysis->on_progress = [&bar](size_t elements) { bar.Advance(elements); };
    analysis->on_note = [&notes](const std::string& note) { notes.push_back(note); };
    status = MeasureShare(plan, share, *analysis, [state](const MeasuredLayer& layer) {
      state->layers.push_back(SaveLayer(layer));
      return Status();
    });
  }
  for (const std::string& note : notes) PrintError("note: " + note);
  return status;
}

// Of what is drawn of a part only, or nowhere.
Status CheckPicture(const AnalyzeOptions& options, const PictureChoice& choice) {
  const auto invalid = [&](const std::string& message) {
    return Status(StatusCode::kInvalidArgument, "--figure " + options.picture.figure + " " + message);
  };
  const bool is_drawn = !options.output.png.empty() || (choice.maps && !options.output.html.empty());
  if (!is_drawn && options.picture.figure != "summary") return invalid("needs --png");
  const bool is_of_attention = choice.keys || choice.maps;
  if (is_of_attention && !options.share.empty()) return invalid("cannot go with --share: each process has a part only");
  if (is_of_attention && (!options.rows.empty() || !options.heads.empty())) {
    return invalid("cannot go with --rows and --heads: the files have a part only");
  }
  if (options.measure.mean_matrix && options.picture.figure == "heads") {
    return invalid("cannot go with --mean-matrix, which measures no heads");
  }
  return {};
}

// Sets up what collects the pictures of attention itself, if there are to be such; they may be asked for by name.
Status MakePictures(const PictureChoice& choice, bool is_asked, const Plan& plan, AttentionPictures* pictures,
                    AnalysisOptions* analysis) {
  if (!choice.keys && !choice.maps) return {};
  Status status = AttentionPictures::Create(choice, plan, pictures);
  // A page of residual streams alone has no such figures.
  if (status.code() == StatusCode::kNotFound && !is_asked) return {};
  for (const std::string& note : pictures->notes()) PrintError("note: " + note);
  analysis->pictures = pictures;
  return status;
}

// The files of rows and of keys, where they are asked for.
struct MetricFiles {
  RowMetricsFile rows;
  KeyMetricsFile keys;

  Status Allocate(const AnalyzeOptions& options, const Plan& plan, AnalysisOptions* analysis) {
    Status status;
    if (!options.row_metrics.empty()) {
      status = rows.Allocate(plan, analysis->mean_matrix, analysis->top_k, options.row_metrics);
      analysis->row_metrics = &rows;
    }
    if (status.ok() && !options.key_metrics.empty()) {
      status = keys.Allocate(plan, analysis->mean_matrix, options.key_metrics);
      analysis->key_metrics = &keys;
    }
    return status;
  }

  Status Write(const AnalysisOptions& analysis) {
    Status status;
    if (analysis.row_metrics != nullptr) status = rows.Write();
    return status.ok() && analysis.key_metrics != nullptr ? keys.Write() : status;
  }
};

Status Measure(const AnalyzeOptions& options, const PictureChoice& choice, SavedState* state,
               AttentionPictures* pictures) {
  ShareOptions share_options;
  Status status = CheckShare(options);
  if (status.ok()) status = ReadShare(options, &share_options);
  Plan plan;
  Share share;
  AnalysisOptions analysis;
  if (status.ok()) status = PlanOf(options.measure, &plan);
  if (status.ok()) status = AnalysisOf(options.measure, share_options.pieces, &plan, &analysis);
  if (status.ok()) status = MakeShare(plan, share_options, &share);
  if (!status.ok()) return status;
  PrintReadings(plan);
  status = MakePictures(choice, options.picture.figure != "summary", plan, pictures, &analysis);
  if (!status.ok()) return status;
  ThreadRunner threads;
  status = ThreadRunner::Create(options.measure.threads, &threads);
  if (!status.ok()) return status;
  MetricFiles files;
  status = files.Allocate(options, plan, &analysis);
  if (!status.ok()) return status;
  *state = EmptyState(analysis);
  state->settings.epoch = options.output.epoch;
  state->settings.stage = options.output.stage;
  if (!options.share.empty()) {
    state->share_by = share.by;
    state->share_count = share_options.count;
    state->shares = {share_options.index};
  }
  analysis.runner = threads.runner();
  status = MeasureWithProgress(plan, share, &analysis, state);
  return status.ok() ? files.Write(analysis) : status;
}

Status CheckMetricFiles(const AnalyzeOptions& options) {
  const PlanInputs& inputs = options.measure.inputs;
  const bool has_attention = !inputs.files.empty() || !inputs.logit_files.empty() || !inputs.query_key_files.empty() ||
                             inputs.residuals.empty();
  if (has_attention || (options.row_metrics.empty() && options.key_metrics.empty())) return {};
  return {StatusCode::kInvalidArgument,
          "--row-metrics and --key-metrics are of attention, and there is only --residual"};
}

Status Run(const AnalyzeOptions& options, bool* findings) {
  SavedState state;
  PictureChoice choice;
  AttentionPictures pictures;
  OutputPicture picture = {.figure = options.picture.figure, .options = {}, .attention = nullptr};
  const std::vector<std::string> inputs = InputPaths(options.measure);
  Status status = CheckMetricFiles(options);
  if (status.ok()) status = CheckOutputs(options.output, inputs);
  const OutputPath arrays[] = {{"--row-metrics", options.row_metrics},   {"--key-metrics", options.key_metrics},
                               {"--output", options.output.report_path}, {"--png", options.output.png},
                               {"--html", options.output.html},          {"--state-out", options.output.state_path}};
  if (status.ok()) status = CheckOutputsDiffer(arrays);
  if (status.ok()) status = CheckOutput("--row-metrics", options.row_metrics, inputs);
  if (status.ok()) status = CheckOutput("--key-metrics", options.key_metrics, inputs);
  if (status.ok()) status = ReadPictureChoice(options.picture, &choice);
  if (status.ok()) status = ReadLook(options.picture.look, "--png", !options.output.png.empty(), &picture.options);
  if (status.ok()) status = CheckPicture(options, choice);
  // A page has keys, too, where all of a layer is here.
  const bool is_part = !options.share.empty() || !options.rows.empty() || !options.heads.empty();
  if (!options.output.html.empty() && !is_part) choice.keys = true;
  if (status.ok()) status = Measure(options, choice, &state, &pictures);
  if (choice.keys || choice.maps) picture.attention = &pictures;
  return status.ok() ? PutOut(options.output, state, picture, findings) : status;
}

}  // namespace

Command AddAnalyzeCommand(CommandLine* program) {
  const auto options = std::make_shared<AnalyzeOptions>();
  CommandLine* const line = program->AddCommand("analyze", kSummary);
  line->AddDetails(kDetails);
  AddMeasureOptions(line, &options->measure);
  line->AddOption("--share", &options->share, "Measure part I of N (0 to N-1) of the work, for attnscope merge")
      .Placeholder("I/N");
  line->AddOption("--rows", &options->rows,
                  "FILEs hold rows FIRST, FIRST + 1, ... of matrices of TOTAL rows, other processes the rest.\n"
                  "FIRST not a multiple of 16: column metrics differ from one process by up to 1e-6")
      .Placeholder("FIRST/TOTAL");
  line->AddOption("--heads", &options->heads,
                  "FILEs hold heads FIRST, FIRST + 1, ... of layers of TOTAL heads, other processes the rest")
      .Placeholder("FIRST/TOTAL");
  line->AddOption("--row-metrics", &options->row_metrics,
                  "Write what each row measures, arrays such as layer3.entropy [batch, heads, queries]")
      .NotEmpty()
      .Placeholder("FILE.npz");
  line->AddOption("--key-metrics", &options->key_metrics,
                  "Write the attention that each key receives, arrays layer3.column_sum [batch, heads, keys]")
      .NotEmpty()
      .Placeholder("FILE.npz");
  AddOutputOptions(line, &options->output);
  AddPictureOptions(line, &options->picture);
  return {line, [options](bool* findings) { return Run(*options, findings); }};
}

}  // namespace attnscope::tools
