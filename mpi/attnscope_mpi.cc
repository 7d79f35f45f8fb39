// SPDX-License-Identifier: Apache-2.0
//
// attnscope-mpi: attnscope analyze by all ranks of an MPI job. Each rank makes the same plan and measures its share;
// then all add up layer by layer, and rank 0 writes. A file is written only after every rank has done its part.
#include <stdlib.h>

#include <array>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnscope/mpi.h"
#include "attnscope/target.h"
#include "platform/arguments.h"
#include "platform/page_error.h"
#include "platform/streams.h"
#include "tools/commands/command_line.h"
#include "tools/commands/measure_options.h"
#include "tools/commands/report_output.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

constexpr int kExitFindings = 1;
constexpr int kExitError = 2;

constexpr const char* kDetails =
    "FILE and all options are those of attnscope analyze, see attnscope analyze --help. Every rank has to be started\n"
    "with the same arguments, and to see the files under the same names. Report, picture and state are written by rank "
    "0.\n"
    "Exit code: 0; 1 if --fail-on asks for it; 2 after an error of any rank, which ends all of them.\n"
    "\n"
    "Examples:\n"
    "  mpirun -np 64 attnscope-mpi run_L*_attn.npy -o report.json --png summary.png\n"
    "  mpirun -np 8 attnscope-mpi huge.npy --causal --share-by rows\n";

struct Options {
  MeasureOptions measure;
  OutputOptions output;
};

int Rank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int Ranks() {
  int ranks = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  return ranks;
}

void PrintRankError(const std::string& message) { PrintError("rank " + std::to_string(Rank()) + ": " + message); }

// Ends all ranks, whatever they are doing; this one says why.
[[noreturn]] void Abort(const std::string& message) {
  PrintRankError(message);
  MPI_Abort(MPI_COMM_WORLD, kExitError);
  std::abort();  // not reached
}

// Whether all ranks succeeded. If not, the first that failed says why.
bool AllOk(const Status& status) {
  int first_failed = status.ok() ? Ranks() : Rank();
  MPI_Allreduce(MPI_IN_PLACE, &first_failed, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (first_failed == Rank()) PrintRankError(status.message());
  return first_failed == Ranks();
}

// A hash, FNV-1a, of what the ranks must agree on.
class Fingerprint {
 public:
  void Add(uint64_t value) {
    for (int i = 0; i < 8; ++i) hash_ = (hash_ ^ ((value >> (8 * i)) & 0xFF)) * 0x100000001B3;
  }
  void Add(std::string_view text) {
    Add(text.size());
    for (const char c : text) Add(static_cast<uint64_t>(static_cast<unsigned char>(c)));
  }

  // Whether all ranks have the same: all of them ask.
  bool IsCommon() const {
    std::array<uint64_t, 2> most = {hash_, ~hash_};  // and of the complement, so of the least
    MPI_Allreduce(MPI_IN_PLACE, most.data(), 2, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
    return most[0] == ~most[1];
  }

 private:
  uint64_t hash_ = 0xCBF29CE484222325;
};

// With others, some ranks would measure something else, or end while the rest waits for them.
Status CheckSameArguments(std::span<char* const> arguments) {
  Fingerprint words;
  for (const char* word : arguments) words.Add(std::string_view(word));
  if (words.IsCommon()) return {};
  return {StatusCode::kInvalidArgument, "some ranks were started with other arguments than others"};
}

// Files of other shapes on some node would make all-reduces that do not fit.
Status CheckSamePlan(const Plan& plan) {
  Fingerprint shapes;
  for (const auto& [index, layer] : plan.layers) {
    shapes.Add(static_cast<uint64_t>(index));
    for (const AttentionPart& part : layer.attention) {
      for (const size_t size : {static_cast<size_t>(part.kind), part.batch, part.heads, part.queries, part.keys}) {
        shapes.Add(size);
      }
    }
    for (const ResidualPart& part : layer.residuals) shapes.Add(part.size());
  }
  if (shapes.IsCommon()) return {};
  return {StatusCode::kInvalidArgument, "the files have other shapes on some ranks than on others"};
}

// Files of masks, lengths or sinks that hold something else on some node.
Status CheckSameRows(const RowRules& rows) {
  Fingerprint text;
  text.Add(rows.text);
  if (text.IsCommon()) return {};
  return {StatusCode::kInvalidArgument, "what is said of rows is something else on some ranks than on others"};
}

Status MakePlanAndShare(const Options& options, Plan* plan, AnalysisOptions* analysis, Share* share) {
  Status status = CheckOutputs(options.output, InputPaths(options.measure));
  if (status.ok()) status = PlanOf(options.measure, plan);
  if (status.ok()) status = AnalysisOf(options.measure, {}, plan, analysis);
  if (!status.ok()) return status;
  ShareOptions share_options;
  share_options.index = static_cast<size_t>(Rank());
  share_options.count = static_cast<size_t>(Ranks());
  share_options.by = options.measure.share_by;
  share_options.mean_matrix = options.measure.mean_matrix;
  return MakeShare(*plan, share_options, share);
}

// This rank's share. A failure ends the job at once: the others may have hours to go.
std::vector<MeasuredLayer> Measure(const Options& options, const Plan& plan, const Share& share,
                                   AnalysisOptions* analysis) {
  ThreadRunner threads;
  Status status = ThreadRunner::Create(options.measure.threads, &threads);
  analysis->runner = threads.runner();
  if (Rank() == 0) analysis->on_note = [](const std::string& note) { PrintError("note: " + note); };
  std::vector<MeasuredLayer> layers;
  if (status.ok()) {
    status = MeasureShare(plan, share, *analysis, [&layers](MeasuredLayer layer) {
      layers.push_back(std::move(layer));
      return Status();
    });
  }
  if (!status.ok()) Abort(status.message());
  return layers;
}

// All ranks' layers as one state.
SavedState AddUp(const Options& options, const AnalysisOptions& analysis, std::vector<MeasuredLayer> layers) {
  SavedState state = EmptyState(analysis);
  state.settings.epoch = options.output.epoch;
  state.settings.stage = options.output.stage;
  for (MeasuredLayer& layer : layers) {
    Status status = AllReduce(layer.accumulator, MPI_COMM_WORLD);
    if (!status.ok()) Abort("layer " + std::to_string(layer.layer) + ": " + status.message());
    layer.accumulator.EndSequence();
    layer.open.clear();
    state.layers.push_back(SaveLayer(layer));
    layer.accumulator = LayerAccumulator();
  }
  return state;
}

int Run(const Options& options) {
  Plan plan;
  Share share;
  AnalysisOptions analysis;
  if (!AllOk(MakePlanAndShare(options, &plan, &analysis, &share))) return kExitError;
  if (!AllOk(CheckSamePlan(plan)) || !AllOk(CheckSameRows(analysis.rows))) return kExitError;
  if (Rank() == 0) PrintReadings(plan);
  const SavedState state = AddUp(options, analysis, Measure(options, plan, share, &analysis));
  MPI_Barrier(MPI_COMM_WORLD);  // from here on no rank can fail but the one that writes
  int code = 0;
  if (Rank() == 0) {
    bool findings = false;
    const Status status = PutOut(options.output, state, {}, &findings);
    if (!status.ok()) PrintRankError(status.message());
    code = !status.ok() ? kExitError : findings ? kExitFindings : 0;
  }
  MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD);
  return code;
}

// All ranks have parsed the same words; rank 0 answers.
int Answer(const ParseOutcome& outcome) {
  if (Rank() != 0) return outcome.is_answer ? 0 : kExitError;
  if (outcome.is_error) {
    PrintError(outcome.text);
    return kExitError;
  }
  const Status status = PrintOut(outcome.text);
  if (!status.ok()) PrintError(status.message());
  return status.ok() ? 0 : kExitError;
}

int Main(int argc, char** argv) {
  platform::PrepareStandardStreams();
  platform::ExitOnPageErrors(kExitError);
  CommandLine line("attnscope-mpi", "Measures the health of a transformer's attention with all ranks of an MPI job.");
  line.SetVersion("attnscope-mpi " + std::string(Version()));
  line.AddDetails(kDetails);
  const std::span<char* const> words(argv, static_cast<size_t>(argc));
  if (!AllOk(CheckSameArguments(words.subspan(words.empty() ? 0 : 1)))) return kExitError;
  Options options;
  options.measure.threads = 1;  // ranks are started one for each core
  AddMeasureOptions(&line, &options.measure);
  AddOutputOptions(&line, &options.output);
  const ParseOutcome outcome = line.Parse(platform::Arguments(argc, argv));
  return outcome.is_answer || outcome.is_error ? Answer(outcome) : Run(options);
}

}  // namespace
}  // namespace attnscope::tools

int main(int argc, char** argv) {
  setenv("NO_COLOR", "1", /*overwrite=*/1);  // a rank's standard output may be a terminal of mpirun's own
  if (MPI_Init(&argc, &argv) != MPI_SUCCESS) return 2;
  int code = attnscope::tools::kExitError;
  try {
    code = attnscope::tools::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    attnscope::tools::Abort("out of memory");
  } catch (const std::exception& error) {
    attnscope::tools::Abort(error.what());
  }
  MPI_Finalize();
  return code;
}
