// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/accumulator/state_layout.h"
#include "tools/state/state_file.h"
#include "tools/state/state_format.h"

namespace attnscope::tools {
namespace {

class Writer {
 public:
  template <typename T>
  void Put(T value) {
    static_assert(sizeof(T) == 8 || sizeof(T) == 4);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  void Put(const std::vector<double>& values) {
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  }
  void PutText(std::string_view text) {
    Put(uint64_t{text.size()});
    bytes_ += text;
    bytes_.resize((bytes_.size() + 7) / 8 * 8, '\0');
  }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Numbers of one list that the state has.
void PutNumbers(const double* numbers, NumberList list, const StateContents& contents, Writer* out) {
  for (size_t i = 0; i < NumbersIn(list); ++i) {
    if (contents.Has(list, i)) out->Put(numbers[i]);
  }
}

void PutLayer(const SavedLayer& layer, const StateContents& contents, Writer* out) {
  out->Put(layer.layer);
  out->Put(uint64_t{layer.kind.has_value() ? static_cast<uint64_t>(*layer.kind) + 1 : 0});
  out->Put(uint64_t{layer.model_heads});
  out->Put(uint64_t{layer.heads});
  out->Put(uint64_t{layer.open.size()});
  for (const OpenSequence& open : layer.open) {
    out->Put(uint64_t{open.queries});
    out->Put(uint64_t{open.keys});
  }
  const StateLayout layout(layer.heads, 1, 0);
  PutNumbers(layer.sums.data(), NumberList::kLayerSums, contents, out);
  for (size_t head = 0; head < layer.heads; ++head) {
    const double* sums = layer.sums.data() + layout.HeadSums(head);
    PutNumbers(sums, NumberList::kRowSums, contents, out);
    PutNumbers(sums + kNumRowSums, NumberList::kMatrixSums, contents, out);
  }
  for (size_t head = 0; head < layer.heads; ++head) {
    PutNumbers(layer.maxima.data() + layout.HeadMaxima(head), NumberList::kHeadMaxima, contents, out);
  }
  out->Put(uint64_t{layer.matrices.size()});
  for (const OpenMatrix& matrix : layer.matrices) {
    out->Put(uint64_t{matrix.sequence});
    out->Put(uint64_t{matrix.head});
    out->Put(uint64_t{matrix.columns.size()});
    PutNumbers(matrix.maxima.data(), NumberList::kOpenMaxima, contents, out);
    PutNumbers(matrix.row_sums.data(), NumberList::kRowSums, contents, out);
    out->Put(matrix.columns);
    out->Put(matrix.partial);
  }
}

}  // namespace

std::string StateToBytes(const SavedState& state) {
  const StateSettings& settings = state.settings;
  Writer out;
  out.bytes() = kMagic;
  out.Put(kVersion);
  out.Put(kByteOrder);
  out.Put(uint64_t{0});  // the size and the checksum, see below
  out.Put(uint64_t{0});
  out.Put((settings.causal ? kCausal : 0) | (settings.mean_matrix ? kMeanMatrix : 0) |
          (settings.epoch.has_value() ? kHasEpoch : 0));
  for (const double value : {settings.scale, settings.soft_cap, settings.tolerance_float32, settings.tolerance_half,
                             settings.saturation_bound}) {
    out.Put(value);
  }
  out.Put(settings.epoch.value_or(0));
  out.PutText(settings.stage);
  out.PutText(settings.row_options);
  out.Put(uint64_t{settings.top_k.size()});
  for (const uint32_t k : settings.top_k) out.Put(uint64_t{k});
  out.Put(static_cast<uint64_t>(state.share_by));
  out.Put(uint64_t{state.share_count});
  out.Put(uint64_t{state.shares.size()});
  for (const size_t share : state.shares) out.Put(uint64_t{share});
  for (size_t list = 0; list < kNumNumberLists; ++list) {
    out.PutText(NamesText(state.contents, static_cast<NumberList>(list), settings.top_k));
  }
  out.Put(uint64_t{state.layers.size()});
  for (const SavedLayer& layer : state.layers) PutLayer(layer, state.contents, &out);

  std::string& bytes = out.bytes();
  const uint64_t size = bytes.size();
  std::memcpy(bytes.data() + kSizeAt, &size, sizeof(size));
  const uint32_t checksum = Checksum({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  std::memcpy(bytes.data() + kChecksumAt, &checksum, sizeof(checksum));
  return std::move(bytes);
}

}  // namespace attnscope::tools
