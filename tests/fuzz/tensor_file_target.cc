// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/tensor_file_target.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/input_file.h"
#include "tests/support/analyze_files.h"
#include "tests/support/tensor_writers.h"
#include "tools/analysis/plan.h"
#include "tools/files/number_file.h"
#include "tools/files/tensor_file.h"

namespace attnscope::fuzz {
namespace {

using tools::AnalysisOptions;
using tools::Dtype;
using tools::NumberArray;
using tools::Plan;
using tools::PlanInputs;
using tools::Share;
using tools::TensorData;
using tools::TensorFile;
using tools::TensorInfo;

// More would be slow rather than new.
constexpr size_t kMaxTensors = 32;
constexpr size_t kMaxLayers = 8;
constexpr size_t kMaxElements = 1 << 14;

// An error names the file, or what is in it, and says something of it.
void CheckError(const Status& status, const std::string& subject) {
  const std::string& message = status.message();
  FUZZ_CHECK(message.starts_with(subject) && message.size() > subject.size() + 3, message);
}

const char* SafetensorsType(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat16:
      return "F16";
    case Dtype::kBFloat16:
      return "BF16";
    case Dtype::kFloat32:
      return "F32";
    default:
      return "F64";
  }
}

// What was read is the same once it is written and read again.
void CheckWriteBack(const TensorInfo& info, tools::Bytes bytes) {
  static const InputFile file("back.safetensors");
  const std::string entry =
      testing_tools::SafetensorsEntry("t", SafetensorsType(info.dtype), info.shape, 0, bytes.size());
  file.Write(testing_tools::Safetensors("{" + entry + "}", std::string(bytes.begin(), bytes.end())));
  std::unique_ptr<TensorFile> opened;
  TensorData data;
  Status status = TensorFile::Open(file.path(), &opened);
  if (status.ok()) status = opened->Read(0, &data);
  FUZZ_CHECK(status.ok(), status.message());
  const TensorInfo& back = opened->tensors()[0];
  FUZZ_CHECK(back.dtype == info.dtype && back.shape == info.shape, tools::ShapeText(back.shape));
  FUZZ_CHECK(std::equal(bytes.begin(), bytes.end(), data.bytes().begin(), data.bytes().end()), info.name);
}

void CheckTensors(const TensorFile& file) {
  for (size_t t = 0; t < std::min(file.tensors().size(), kMaxTensors); ++t) {
    const TensorInfo& info = file.tensors()[t];
    TensorData data;
    if (const Status status = file.Read(t, &data); !status.ok()) {
      CheckError(status, file.Describe(t));
      continue;
    }
    size_t expected = 0;
    const Status status = TensorBytes(info, &expected);
    FUZZ_CHECK(status.ok() && data.bytes().size() == expected / StoredBytes(info) * ElementBytes(info.dtype),
               file.Describe(t));
    CheckWriteBack(info, data.bytes());
  }
}

Report Measured(const Plan& plan, const Share& share, const AnalysisOptions& options, const std::string& path) {
  Report report;
  if (const Status status = tools::MeasureReport(plan, share, options, &report); !status.ok()) CheckError(status, path);
  return report;
}

void CheckAnalysis(const PlanInputs& inputs, const AnalysisOptions& options, const std::string& path) {
  Plan plan;
  if (const Status status = tools::MakePlan(inputs, &plan); !status.ok()) {
    const std::string& message = status.message();
    const bool names_input =
        message.find(path) != std::string::npos || message.starts_with("layer ") || message.starts_with("--");
    FUZZ_CHECK(names_input, message);
    return;
  }
  Share whole;
  const Status shared = tools::MakeShare(plan, {.mean_matrix = options.mean_matrix}, &whole);
  FUZZ_CHECK(shared.ok(), shared.message());
  if (plan.layers.size() > kMaxLayers || tools::ShareSize(plan, whole) > kMaxElements) return;
  const Report report = Measured(plan, whole, options, path);
  const std::string json = ReportToJson(report);
  AnalysisOptions in_small_blocks = options;
  in_small_blocks.block_elements = 1;
  FUZZ_CHECK(ReportToJson(Measured(plan, whole, in_small_blocks, path)) == json, json);
  Report back;
  const Status status = ReportFromJson(json, &back);
  FUZZ_CHECK(status.ok(), status.message());
  FUZZ_CHECK(ReportToJson(back) == json, json);
  Diagnose(report, {});
}

}  // namespace

void RunTensorFile(const char* name, const uint8_t* data, size_t size) {
  static const InputFile file(name);
  const std::string& path = file.path();
  file.Write({reinterpret_cast<const char*>(data), size});
  std::unique_ptr<TensorFile> opened;
  if (const Status status = TensorFile::Open(path, &opened); !status.ok()) {
    CheckError(status, path + ": ");
    return;
  }
  CheckTensors(*opened);
  NumberArray numbers;
  if (const Status status = tools::ReadNumberFile(path, /*void_is_bfloat16=*/size % 2 == 0, &numbers); !status.ok())
    CheckError(status, path + ": ");

  const uint64_t choice = Hash(data, size);
  const auto chosen = [choice](int bit) { return (choice >> bit & 1) != 0; };
  AnalysisOptions options;
  options.rows.causal = chosen(0);
  if (chosen(10)) options.rows.windows = {{.layers = {{}}, .kind = WindowKind::kSliding, .window = 3}};
  options.mean_matrix = chosen(1);
  options.scale = chosen(2) ? 0.25 : 0.0;
  options.soft_cap = chosen(3) ? 30.0 : 0.0;
  PlanInputs queries_keys = {.query_key_files = {{path}}};
  if (!opened->is_archive()) queries_keys.query_key_files = {{path, path}};
  if (chosen(4)) queries_keys.layout = tools::QueryKeyLayout::kTokenMajor;
  if (chosen(5)) queries_keys.kv_heads = 2;
  PlanInputs weights = {.files = {path}};
  weights.void_is_bfloat16 = chosen(7);
  if (chosen(8)) weights.axes = chosen(9) ? "queries,heads,keys" : "layers,heads,queries,keys";
  const std::string& first_name = opened->tensors()[0].name;
  if (chosen(6) && first_name.size() < 64) weights.tensor_globs = {first_name, "*a[0-9]*"};
  CheckAnalysis(weights, options, path);
  CheckAnalysis({.logit_files = {path}}, options, path);
  CheckAnalysis(queries_keys, options, path);
  CheckAnalysis({.residuals = {{path, path}}, .layer = 3}, options, path);
}

}  // namespace attnscope::fuzz
