// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

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

void PutLayer(const SavedLayer& layer, Writer* out) {
  out->Put(layer.layer);
  out->Put(uint64_t{layer.kind.has_value() ? static_cast<uint64_t>(*layer.kind) + 1 : 0});
  out->Put(uint64_t{layer.model_heads});
  out->Put(uint64_t{layer.heads});
  out->Put(uint64_t{layer.open.size()});
  for (const OpenSequence& open : layer.open) {
    out->Put(uint64_t{open.queries});
    out->Put(uint64_t{open.keys});
  }
  out->Put(layer.sums);
  out->Put(layer.maxima);
  out->Put(uint64_t{layer.matrices.size()});
  for (const OpenMatrix& matrix : layer.matrices) {
    out->Put(uint64_t{matrix.sequence});
    out->Put(uint64_t{matrix.head});
    out->Put(uint64_t{matrix.columns.size()});
    out->Put(matrix.max_abs_logit);
    out->Put(matrix.row_sums);
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
  out.Put(static_cast<uint64_t>(state.share_by));
  out.Put(uint64_t{state.share_count});
  out.Put(uint64_t{state.shares.size()});
  for (const size_t share : state.shares) out.Put(uint64_t{share});
  for (const uint64_t size : kLayout) out.Put(size);
  out.Put(uint64_t{state.layers.size()});
  for (const SavedLayer& layer : state.layers) PutLayer(layer, &out);

  std::string& bytes = out.bytes();
  const uint64_t size = bytes.size();
  std::memcpy(bytes.data() + kSizeAt, &size, sizeof(size));
  const uint32_t checksum = Checksum({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  std::memcpy(bytes.data() + kChecksumAt, &checksum, sizeof(checksum));
  return std::move(bytes);
}

}  // namespace attnscope::tools
