// SPDX-License-Identifier: Apache-2.0
//
// Writes the first inputs of each fuzzer into FOLDER/NAME: small files of every format, element type and layout, cut
// from the real attention of the tests' data. What fuzzing adds to them is committed in tests/fuzz/corpus.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/report.h"
#include "tests/support/data_file.h"
#include "tests/support/tensor_writers.h"
#include "tools/analysis/analysis.h"
#include "tools/state/saved_state.h"
#include "tools/state/state_file.h"

namespace attnscope::fuzz {
namespace {

using namespace testing_tools;  // NOLINT: writes what these make

constexpr size_t kSampleTokens = 19;

std::string ReadFile(const std::string& name) {
  std::ifstream file(DataFile(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The elements of one of the sample's float32 files, behind a header of 128 bytes.
std::vector<float> Elements(const std::string& name) {
  const std::string bytes = ReadFile(name);
  std::vector<float> values((bytes.size() - 128) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
  return values;
}

// Whole rows of a [heads, 19, columns] sample: [2, rows, columns].
std::vector<float> Rows(const std::vector<float>& sample, size_t rows, size_t columns, size_t used_columns) {
  std::vector<float> out;
  for (size_t head = 0; head < 2; ++head) {
    for (size_t row = 0; row < rows; ++row) {
      const auto from = sample.begin() + static_cast<std::ptrdiff_t>((head * kSampleTokens + row) * columns);
      out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(used_columns));
    }
  }
  return out;
}

class Seeds {
 public:
  explicit Seeds(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }
  void Add(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path folder_;
};

std::string Halves(const std::vector<float>& values, uint16_t (*convert)(float)) {
  std::vector<uint16_t> halves;
  for (const float value : values) halves.push_back(convert(value > 1e-4f || value < -1e-4f ? value : 0.0f));
  return BytesOf(halves);
}

struct Sample {
  std::vector<float> weights = Rows(Elements("use_short_L0_attn.npy"), 3, kSampleTokens, kSampleTokens);
  std::vector<float> logits = Rows(Elements("use_short_L1_logits.npy"), 3, kSampleTokens, kSampleTokens);
  std::vector<float> queries = Rows(Elements("use_short_L0_q.npy"), 5, 64, 8);
  std::vector<float> stream = Rows(Elements("use_short_L0_resid_in.npy"), 5, 512 / kSampleTokens, 8);
};

void WriteNpy(const Sample& sample, const Seeds& seeds) {
  const std::vector<double> doubles(sample.weights.begin(), sample.weights.end());
  seeds.Add("weights", Npy("<f4", {2, 3, kSampleTokens}, BytesOf(sample.weights)));
  seeds.Add("weights_layers", Npy("<f4", {2, 1, 1, 3, kSampleTokens}, BytesOf(sample.weights)));
  seeds.Add("weights_version2", Npy("<f4", {1, 2, 3, kSampleTokens}, BytesOf(sample.weights), 2));
  seeds.Add("weights_half", Npy("<f2", {2, 3, kSampleTokens}, Halves(sample.weights, &HalfOf)));
  seeds.Add("weights_double", Npy("<f8", {2, 3, kSampleTokens}, BytesOf(doubles), 3));
  seeds.Add("logits", Npy("<f4", {6, kSampleTokens}, BytesOf(sample.logits)));
  seeds.Add("queries", Npy("<f4", {2, 5, 8}, BytesOf(sample.queries)));
  seeds.Add("stream", Npy("<f4", {10, 8}, BytesOf(sample.stream)));
  seeds.Add("integers", Npy("<i4", {10, 8}, BytesOf(sample.stream)));
  seeds.Add("fortran",
            NpyWithHeader("{'descr': '<f4', 'fortran_order': True, 'shape': (10, 8), }", BytesOf(sample.stream)));
  seeds.Add("fields", NpyWithHeader("{'descr': [('a', '<f4'), ('b', [('c', '<f4', (2,))])], 'fortran_order': False, "
                                    "'shape': (1,), }",
                                    std::string(12, 'x')));
  seeds.Add("empty", Npy("<f4", {0, 3}, ""));
  seeds.Add("big_endian", Npy(">f4", {2, 3, kSampleTokens}, BytesOf(sample.weights)));
  seeds.Add("bfloat16_void", Npy("<V2", {2, 3, kSampleTokens}, Halves(sample.weights, &BFloatOf)));
}

void WriteNpz(const Sample& sample, const Seeds& seeds) {
  const std::string weights = Npy("<f4", {2, 3, kSampleTokens}, BytesOf(sample.weights));
  const std::string queries = Npy("<f4", {2, 5, 8}, BytesOf(sample.queries));
  for (const bool deflate : {false, true}) {
    for (const bool zip64 : {false, true}) {
      const std::string suffix = std::string(deflate ? "_deflated" : "") + (zip64 ? "_zip64" : "");
      seeds.Add("weights" + suffix, Zip({{.name = "blocks.0.attn.npy", .bytes = weights, .deflate = deflate},
                                         {.name = "blocks.1.attn.npy", .bytes = weights, .deflate = deflate}},
                                        zip64));
    }
  }
  seeds.Add("queries_keys", Zip({{.name = "l0.q.npy", .bytes = queries}, {.name = "l0.k.npy", .bytes = queries}}));
  seeds.Add("mixed", Zip({{.name = "secret.npy", .bytes = weights, .flags = 1},
                          {.name = "zstd.npy", .bytes = weights, .method = 93},
                          {.name = "readme.txt", .bytes = "text"},
                          {.name = "good_L3.npy", .bytes = weights, .deflate = true, .padding = 3}},
                         false, "a comment"));
}

void WriteSafetensors(const Sample& sample, const Seeds& seeds) {
  const std::string weights = BytesOf(sample.weights);
  const std::string halves = Halves(sample.weights, &HalfOf) + Halves(sample.weights, &BFloatOf);
  const size_t half = halves.size() / 2;
  seeds.Add("weights",
            Safetensors("{\"__metadata__\":{\"format\":\"pt\"}," +
                            SafetensorsEntry("blocks.0.attn", "F32", {2, 3, kSampleTokens}, 0, weights.size()) + "}",
                        weights));
  seeds.Add("halves", Safetensors("{" + SafetensorsEntry("a.0", "F16", {1, 2, 3, kSampleTokens}, 0, half) + "," +
                                      SafetensorsEntry("a.1", "BF16", {2, 3, kSampleTokens}, half, 2 * half) + "}",
                                  halves));
  seeds.Add("eighths", Safetensors("{" + SafetensorsEntry("a.0", "F8_E4M3", {2, 3, kSampleTokens}, 0, half / 2) + "," +
                                       SafetensorsEntry("a.1", "F8_E5M2", {2, 3, kSampleTokens}, half / 2, half) + "}",
                                   halves.substr(0, half)));
  const std::string queries = BytesOf(sample.queries);
  seeds.Add("queries_keys",
            Safetensors("{" + SafetensorsEntry("l3.q_proj", "F32", {5, 2, 8}, 0, queries.size()) + "," +
                            SafetensorsEntry("l3.k_proj", "F32", {5, 16}, queries.size(), 2 * queries.size()) + "}",
                        queries + queries));
  const std::vector<double> doubles(sample.stream.begin(), sample.stream.end());
  seeds.Add("double", Safetensors("{" + SafetensorsEntry("h", "F64", {2, 5, 8}, 0, 640) + "," +
                                      SafetensorsEntry("ids", "I64", {1}, 640, 648) + "}",
                                  BytesOf(doubles) + "12345678"));
}

void WriteReports(const Seeds& seeds) {
  seeds.Add("summary", ReadFile("summary_stats.json"));
  Report report;
  report.stage = "val";
  report.epoch = 10;
  report.step = 20000;
  for (const int64_t layer : {0, 1, 11}) {
    LayerStats& stats = report.Layer(layer).stats;
    stats.heads.resize(2);
    double value = 0.125 * static_cast<double>(layer + 1);
    for (const MetricInfo& info : AllMetrics()) {
      stats.layer[info.metric] = info.is_count ? 19.0 : value;
      if (info.per_head) stats.heads[1][info.metric] = info.is_count ? 19.0 : value;
      value *= 1.25;
    }
  }
  seeds.Add("every_metric", ReportToJson(report));
  seeds.Add("bare_constants",
            R"({"attention_stats": {"2": {"entropy": NaN, "effective_rank": Infinity, "top10": -Infinity, "top5": null},
 "3": {"heads": {"entropy": [1, NaN]}}}, "residual_ratios": {"3": "Infinity"}, "stage": "\u00e9\n", "lr": [1e-3]})");
  seeds.Add("lines",
            "{\"attention_stats\": {\"0\": {\"entropy\": 1}}, \"step\": 1}\n"
            "{\"attention_stats\": {\"0\": {\"entropy\": 2}}, \"step\": 2}\n");
}

// One layer of a state, of rows of the sample from `first_row` on; open as one sequence of three rows, or ended.
tools::SavedLayer Layer(const std::vector<float>& sample, int64_t index, size_t first_row, size_t rows, bool is_open) {
  tools::MeasuredLayer measured;
  measured.layer = index;
  measured.kind = tools::AttentionKind::kWeights;
  bool is_ok = LayerAccumulator::Create({.heads = 2, .max_keys = kSampleTokens}, &measured.accumulator).ok();
  AttentionView view =
      ContiguousAttention(sample.data() + first_row * kSampleTokens, ElementType::kFloat32, 1, 2, rows, kSampleTokens);
  view.head_stride = static_cast<int64_t>(3 * kSampleTokens);
  is_ok = is_ok && measured.accumulator.AddWeights(view).ok();
  if (!is_ok) std::abort();
  if (is_open) {
    measured.open = {{3, kSampleTokens}};
  } else {
    measured.accumulator.EndSequence();
  }
  return tools::SaveLayer(measured);
}

void WriteStates(const Sample& sample, const Seeds& seeds) {
  tools::SavedState state;
  state.settings.stage = "val";
  state.settings.epoch = 10;
  state.layers = {Layer(sample.weights, 0, 0, 3, false), Layer(sample.weights, 7, 0, 2, false)};
  seeds.Add("whole", tools::StateToBytes(state));
  state.layers[1].layer = 8;
  seeds.Add("twice", tools::StateToBytes(state) + tools::StateToBytes(state));
  // Of other versions: with fewer numbers, with a name that none knows, and without names.
  tools::SavedState fewer = state;
  for (const tools::NumberList list : {tools::NumberList::kRowSums, tools::NumberList::kHeadMaxima}) {
    fewer.contents.Set(list, 2, false);
  }
  seeds.Add("fewer", tools::StateToBytes(fewer) + tools::StateToBytes(state));
  std::string other = tools::StateToBytes(state);
  other.replace(other.find("top10"), 5, "later");
  seeds.Add("other", tools::StateToBytes(state) + other);
  seeds.Add("version1", ReadFile("version_1_rows_0.state") + ReadFile("version_1_rows_16.state"));
  tools::SavedState first;
  first.share_by = tools::ShareBy::kRows;
  first.share_count = 2;
  tools::SavedState second = first;
  first.shares = {0};
  first.layers = {Layer(sample.weights, 0, 0, 2, true)};
  second.shares = {1};
  second.layers = {Layer(sample.weights, 0, 2, 1, true)};
  seeds.Add("rows", tools::StateToBytes(first) + tools::StateToBytes(second));
}

// A call of 32 bytes of each kind, its first bytes counted up; zeros are what is most ordinary.
void WriteCalls(const Seeds& seeds) {
  std::string all;
  for (int kind = 0; kind < 21; ++kind) {
    std::string calls;
    for (int variant = 0; variant < 8; ++variant) {
      std::string call(32, '\0');
      call[0] = static_cast<char>(kind);
      for (size_t i = 2; i < call.size(); ++i) {
        call[i] = static_cast<char>(variant == 0 ? 0 : (variant * 37 + static_cast<int>(i) * variant * 11) % 256);
      }
      calls += call;
    }
    seeds.Add("kind" + std::to_string(kind), calls);
    all += calls.substr(0, 64);
  }
  seeds.Add("all", all);
}

}  // namespace
}  // namespace attnscope::fuzz

int main(int argc, char** argv) {
  using namespace attnscope::fuzz;  // NOLINT: the above
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_fuzz_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const Sample sample;
  WriteNpy(sample, Seeds(folder / "npy"));
  WriteNpz(sample, Seeds(folder / "npz"));
  WriteSafetensors(sample, Seeds(folder / "safetensors"));
  WriteReports(Seeds(folder / "report_json"));
  WriteStates(sample, Seeds(folder / "state"));
  WriteCalls(Seeds(folder / "c_interface"));
  return 0;
}
