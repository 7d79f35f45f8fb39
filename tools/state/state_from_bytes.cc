// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/limits.h"
#include "kernels/accumulator/state_layout.h"
#include "kernels/top_k/top_k_checks.h"
#include "platform/mapped_file.h"
#include "tools/files/little_endian.h"
#include "tools/state/state_file.h"
#include "tools/state/state_format.h"

namespace attnscope::tools {
namespace {

// Limits that no real state reaches; beyond them, sizes of a hostile file could overflow.
constexpr double kMaxCount = 0x1p53;

// Takes one value after another. After the first failure it gives zeros, and `status` says what failed.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes), position_(kHeaderBytes) {}

  template <typename T>
  T Take() {
    static_assert(sizeof(T) == 8);
    if (!Has(1, sizeof(T))) return {};
    const T value = LoadLittleEndian<T>(bytes_, position_);
    position_ += sizeof(T);
    return value;
  }
  // A whole number that is at most `most`.
  uint64_t TakeCount(const char* what, uint64_t most) {
    const size_t at = position_;
    const auto count = Take<uint64_t>();
    if (!status_.ok() || count <= most) return count;
    Fail(std::string(what) + " is " + std::to_string(count) + ", more than " + std::to_string(most), at);
    return 0;
  }
  // The number of records that follow, of at least `bytes` each: never more than the file has room for.
  uint64_t TakeLength(const char* what, uint64_t most, size_t bytes) {
    const uint64_t count = TakeCount(what, most);
    return Has(count, bytes) ? count : 0;
  }
  std::vector<double> TakeDoubles(size_t count) {
    if (!Has(count, sizeof(double))) return {};
    std::vector<double> values(count);
    if (count > 0) std::memcpy(values.data(), bytes_.subspan(position_).data(), count * sizeof(double));
    position_ += count * sizeof(double);
    return values;
  }
  std::string TakeText(const char* what, uint64_t most) {
    const uint64_t size = TakeLength(what, most, 1);
    const size_t padded = (size + 7) / 8 * 8;
    if (!Has(padded, 1)) return "";
    std::string text(reinterpret_cast<const char*>(bytes_.subspan(position_).data()), size);
    position_ += padded;
    return text;
  }
  void Fail(const std::string& message, size_t at) {
    if (status_.ok()) {
      status_ = {StatusCode::kDataLoss, "is malformed: " + message + " (byte " + std::to_string(at) + ")"};
    }
  }
  void Fail(const std::string& message) { Fail(message, position_); }

  // The records of one list of numbers, each where this version has it in `out`. Numbers that it does not have are left
  // out, and those that the file does not have stay as they are.
  void TakeNumbers(const std::vector<size_t>& places, double* out) {
    for (const size_t place : places) {
      const auto value = Take<double>();
      if (place != NumberMap::kUnknown) out[place] = value;
    }
  }

  // Whether the file has room for so many doubles; it fails otherwise.
  bool HasDoubles(uint64_t count) { return Has(count, sizeof(double)); }

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  bool AtEnd() const { return position_ == bytes_.size(); }

 private:
  bool Has(uint64_t count, size_t bytes) {
    if (!status_.ok()) return false;
    if (count <= (bytes_.size() - position_) / bytes) return true;
    Fail("it ends within a record");
    return false;
  }

  Bytes bytes_;
  size_t position_;
  Status status_;
};

bool AreCounts(const double* row_sums) {
  for (const RowSum which : {RowSum::kMeasured, RowSum::kSeveralKeys, RowSum::kNullMassRows, RowSum::kLogitRows,
                             RowSumOf<Metric::kInvalidRows>(), RowSumOf<Metric::kEmptyRows>(),
                             RowSumOf<Metric::kMaskedRows>(), RowSumOf<Metric::kUnnormalizedRows>()}) {
    const double count = row_sums[static_cast<size_t>(which)];
    if (!(count >= 0.0 && count <= kMaxCount && count == std::floor(count))) return false;
  }
  return true;
}

bool AreMagnitudes(const std::vector<double>& values) {
  for (const double value : values) {
    if (!(value >= 0.0) || std::isinf(value)) return false;
  }
  return true;
}

void TakeMatrix(const NumberMap& map, Reader* in, SavedLayer* layer) {
  OpenMatrix matrix;
  matrix.sequence = in->TakeCount("sequence", layer->open.size() - 1);
  matrix.head = in->TakeCount("head", layer->heads - 1);
  const size_t keys = in->TakeCount("keys", in->ok() ? layer->open[matrix.sequence].keys : 0);
  matrix.maxima.assign(kNumOpenMaxima, 0.0);
  in->TakeNumbers(map.Of(NumberList::kOpenMaxima), matrix.maxima.data());
  matrix.row_sums.assign(kNumRowSums, 0.0);
  in->TakeNumbers(map.Of(NumberList::kRowSums), matrix.row_sums.data());
  matrix.columns = in->TakeDoubles(keys);
  matrix.partial = in->TakeDoubles(keys);
  if (!in->ok()) return;
  if (!AreCounts(matrix.row_sums.data()) || !AreMagnitudes(matrix.columns) || !AreMagnitudes(matrix.partial) ||
      !AreMagnitudes(matrix.maxima)) {
    in->Fail("an open sequence holds numbers that cannot be");
  }
  // A matrix that has measured a row has seen a key.
  if (keys == 0 && matrix.row_sums[static_cast<size_t>(RowSum::kMeasured)] > 0.0) {
    in->Fail("an open sequence has no keys");
  }
  if (!layer->matrices.empty()) {
    const OpenMatrix& last = layer->matrices.back();
    if (std::pair(last.sequence, last.head) >= std::pair(matrix.sequence, matrix.head)) {
      in->Fail("open sequences are out of order");
    }
  }
  layer->matrices.push_back(std::move(matrix));
}

// Sums and maxima of a layer.
void TakeClosed(const NumberMap& map, Reader* in, SavedLayer* layer) {
  const StateLayout layout(layer->heads, 1, 0);
  const std::vector<size_t>& layer_sums = map.Of(NumberList::kLayerSums);
  const std::vector<size_t>& row_sums = map.Of(NumberList::kRowSums);
  const std::vector<size_t>& matrix_sums = map.Of(NumberList::kMatrixSums);
  const std::vector<size_t>& maxima = map.Of(NumberList::kHeadMaxima);
  const size_t of_head = row_sums.size() + matrix_sums.size() + maxima.size();
  if (!in->HasDoubles(layer_sums.size() + layer->heads * of_head)) return;
  layer->sums.assign(layout.closed_sums(), 0.0);
  layer->maxima.assign(layout.closed_maxima(), 0.0);
  in->TakeNumbers(layer_sums, layer->sums.data());
  for (size_t head = 0; head < layer->heads; ++head) {
    double* sums = layer->sums.data() + layout.HeadSums(head);
    in->TakeNumbers(row_sums, sums);
    in->TakeNumbers(matrix_sums, sums + kNumRowSums);
  }
  for (size_t head = 0; head < layer->heads; ++head) {
    in->TakeNumbers(maxima, layer->maxima.data() + layout.HeadMaxima(head));
  }
}

void TakeLayer(bool mean_matrix, const NumberMap& map, Reader* in, SavedLayer* layer) {
  constexpr auto kMaxKind = static_cast<uint64_t>(AttentionKind::kQueriesKeys) + 1;
  layer->layer = in->Take<int64_t>();
  if (layer->layer < 0) in->Fail("layer " + std::to_string(layer->layer) + " is negative");
  const uint64_t kind = in->TakeCount("what was measured", kMaxKind);
  if (kind > 0) layer->kind = static_cast<AttentionKind>(kind - 1);
  layer->model_heads = in->TakeCount("heads of the model", kMaxHeads);
  layer->heads = in->TakeCount("heads", kMaxHeads);
  if (layer->heads != (mean_matrix ? 1 : layer->model_heads) || layer->model_heads == 0) {
    in->Fail("wrong number of heads");
  }
  const uint64_t open = in->TakeLength("open sequences", kMaxKeys, 2 * sizeof(uint64_t));
  for (uint64_t i = 0; i < open && in->ok(); ++i) {
    const uint64_t queries = in->TakeCount("queries", uint64_t{1} << 53);
    if (queries == 0) in->Fail("an open sequence has no rows to come");
    layer->open.push_back({queries, in->TakeCount("keys", kMaxKeys)});
  }
  // Residual streams alone: such a layer is merged into one with any number of heads.
  if (!layer->kind.has_value() && (layer->heads != 1 || layer->model_heads != 1 || !layer->open.empty())) {
    in->Fail("layer " + std::to_string(layer->layer) + " has " + (layer->open.empty() ? "heads" : "open sequences") +
             ", but no attention was measured");
  }
  if (!in->ok()) return;
  TakeClosed(map, in, layer);
  if (!in->ok()) return;
  if (!AreMagnitudes(layer->maxima)) in->Fail("a maximum is negative or not finite");
  const StateLayout layout(layer->heads, 1, 0);
  for (size_t head = 0; head < layer->heads; ++head) {
    if (!AreCounts(layer->sums.data() + layout.HeadSums(head))) in->Fail("numbers of rows are none");
  }
  const size_t matrix_bytes =
      (3 + map.Of(NumberList::kOpenMaxima).size() + map.Of(NumberList::kRowSums).size()) * sizeof(double);
  const uint64_t matrices = in->TakeLength("open matrices", layer->open.size() * layer->heads, matrix_bytes);
  for (uint64_t i = 0; i < matrices && in->ok(); ++i) TakeMatrix(map, in, layer);
}

void TakeTopK(Reader* in, StateSettings* settings) {
  std::array<uint32_t, kMaxTopMasses> values;
  const size_t count = in->TakeLength("number of top-k masses", kMaxTopMasses, sizeof(uint64_t));
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<uint32_t>(in->TakeCount("k of a top-k mass", kMaxTopK));
  settings->top_k = TopKValues(std::span<const uint32_t>(values.data(), count));
  if (const Status status = CheckTopK("top_k", settings->top_k); !status.ok()) in->Fail(status.message());
}

void TakeSettings(uint32_t version, Reader* in, StateSettings* settings) {
  const uint64_t flags = in->TakeCount("flags", kCausal | kMeanMatrix | kHasEpoch);
  settings->causal = (flags & kCausal) != 0;
  settings->mean_matrix = (flags & kMeanMatrix) != 0;
  for (double* value : {&settings->scale, &settings->soft_cap, &settings->tolerance_float32, &settings->tolerance_half,
                        &settings->saturation_bound}) {
    *value = in->Take<double>();
    if (!std::isfinite(*value)) in->Fail("a setting is not finite");
  }
  const auto epoch = in->Take<int64_t>();
  if ((flags & kHasEpoch) != 0) settings->epoch = epoch;
  settings->stage = in->TakeText("length of the stage's name", kMaxStageBytes);
  if (version >= 3) settings->row_options = in->TakeText("length of the options of rows", kMaxRowOptionsBytes);
  if (version >= 4) TakeTopK(in, settings);
}

void TakeShares(Reader* in, SavedState* state) {
  state->share_by = static_cast<ShareBy>(in->TakeCount("manner of sharing", static_cast<uint64_t>(ShareBy::kRows)));
  state->share_count = in->TakeCount("number of shares", kMaxShares);
  const uint64_t shares = in->TakeLength("shares held", state->share_count, sizeof(uint64_t));
  for (uint64_t i = 0; i < shares && in->ok(); ++i) {
    state->shares.push_back(in->TakeCount("share", state->share_count - 1));
    if (i > 0 && state->shares[i] <= state->shares[i - 1]) in->Fail("shares are out of order");
  }
}

// What numbers follow, and where this version has them.
NumberMap TakeContents(uint32_t version, const TopKValues& top_k, Reader* in, StateContents* contents) {
  NumberMap map;
  for (size_t i = 0; i < kNumNumberLists && in->ok(); ++i) {
    const auto list = static_cast<NumberList>(i);
    std::string names;
    if (version < 3 && list == NumberList::kOpenMaxima) {
      names = NamesOfVersion1(list);
    } else if (version > 1) {
      names = in->TakeText("length of the names of numbers", kMaxNamesBytes);
    } else if (in->Take<uint64_t>() == kSizesOfVersion1[i]) {
      names = NamesOfVersion1(list);
    } else {
      in->Fail("another version of attnscope, which measures other numbers, wrote it");
    }
    const std::string problem = in->ok() ? ReadNames(names, list, top_k, &map, contents) : "";
    if (!problem.empty()) in->Fail(problem);
  }
  return map;
}

Status CheckHeader(Bytes bytes) {
  const auto data_loss = [](const std::string& message) { return Status(StatusCode::kDataLoss, message); };
  if (bytes.size() < kMagic.size() || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return data_loss("is no state: it does not begin with " + std::string(kMagic));
  }
  if (bytes.size() < kHeaderBytes) return data_loss("is truncated: " + std::to_string(bytes.size()) + " bytes");
  const auto order = LoadLittleEndian<uint32_t>(bytes, 12);
  if (order != kByteOrder) return data_loss("was written by a machine with another byte order");
  const auto version = LoadLittleEndian<uint32_t>(bytes, kVersionAt);
  if (version < kOldestVersion || version > kVersion) {
    return data_loss("is a state of version " + std::to_string(version) + ", this program reads versions " +
                     std::to_string(kOldestVersion) + " to " + std::to_string(kVersion));
  }
  const auto size = LoadLittleEndian<uint64_t>(bytes, kSizeAt);
  if (size != bytes.size()) {
    return data_loss((bytes.size() < size ? "is truncated: " : "has bytes behind its end: ") +
                     std::to_string(bytes.size()) + " bytes instead of " + std::to_string(size));
  }
  if (LoadLittleEndian<uint32_t>(bytes, kChecksumAt) != Checksum(bytes)) return data_loss("is damaged: wrong checksum");
  return {};
}

}  // namespace

Status StateFromBytes(Bytes bytes, SavedState* out) {
  if (Status status = CheckHeader(bytes); !status.ok()) return status;
  Reader in(bytes);
  SavedState state;
  const auto version = LoadLittleEndian<uint32_t>(bytes, kVersionAt);
  TakeSettings(version, &in, &state.settings);
  TakeShares(&in, &state);
  const NumberMap map = TakeContents(version, state.settings.top_k, &in, &state.contents);
  constexpr size_t kLayerBytes = 6 * sizeof(uint64_t);
  const uint64_t layers = in.TakeLength("layers", UINT64_MAX, kLayerBytes);
  for (uint64_t i = 0; i < layers && in.ok(); ++i) {
    SavedLayer layer;
    TakeLayer(state.settings.mean_matrix, map, &in, &layer);
    if (i > 0 && in.ok() && layer.layer <= state.layers.back().layer) in.Fail("layers are out of order");
    state.layers.push_back(std::move(layer));
  }
  if (in.ok() && !in.AtEnd()) in.Fail("there are bytes behind the last layer");
  if (in.ok()) *out = std::move(state);
  return in.status();
}

Status ReadStateFile(const std::string& path, SavedState* out) {
  platform::MappedFile file;
  Status status = platform::MappedFile::Open(path, &file);
  if (!status.ok()) return status;
  status = StateFromBytes(file.bytes(), out);
  return status.ok() ? status : Status(status.code(), path + ": " + status.message());
}

}  // namespace attnscope::tools
