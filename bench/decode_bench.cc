// SPDX-License-Identifier: Apache-2.0
//
// A step of decoding from queries and keys beside a plain read of the keys, in turns, one thread, from memory: eight
// heads of 4096 keys a layer, as many layers as are three times as large as the last cache, each turn other ones. Heads
// stand one after the other ("apart", as PyTorch keeps them) or those of a key side by side ("beside", as llama.cpp and
// others do). Prints, of the times that a tenth of the turns were faster than, since a machine that does other work
// spoils most turns:
//
//   read     the plain sum's rate
//   product  the rate of the products alone, and its share of the read's
//   step     the same of the whole step, LayerAccumulator::AddQueriesKeys
//
// decode_bench [TURNS [NAME...]]: all, or those whose names have one of these; ATTNSCOPE_TARGET=AVX2 in front forces a
// SIMD target, of the plain sum too.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "attnscope/layer_accumulator.h"
#include "attnscope/limits.h"
#include "attnscope/target.h"
#include "bench/inputs.h"
#include "bench/interleaved.h"
#include "bench/references.h"
#include "kernels/query_key/query_key_product.h"
#include "kernels/simd/aligned_buffer.h"
#include "kernels/simd/target_choice.h"

namespace attnscope::bench {
namespace {

constexpr size_t kKeyHeads = 8, kKeys = 4096;
constexpr size_t kMemoryBytes = size_t{96} << 20;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

// Random bytes whose halves or floats are finite, below 2 in magnitude.
std::vector<uint8_t> RandomElements(ElementType type, size_t count) {
  const std::vector<float> floats = GaussianFloats(2, count);
  std::vector<uint8_t> bytes(count * ElementBytes(type));
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, &floats[i], sizeof(bits));
    if (type == ElementType::kFloat32) {
      std::memcpy(bytes.data() + 4 * i, &bits, 4);
    } else {
      // Of float16 any sign and mantissa, of numbers from 1/2 to 2.
      const auto half = static_cast<uint16_t>(type == ElementType::kBFloat16 ? bits >> 16 : (bits & 0x87FF) | 0x3800);
      std::memcpy(bytes.data() + 2 * i, &half, 2);
    }
  }
  return bytes;
}

// Layers whose keys do not fit the caches, and one step's queries.
class Cache {
 public:
  Cache(ElementType type, size_t group, size_t head_dim, bool beside)
      : type_(type),
        beside_(beside),
        heads_(group * kKeyHeads),
        head_dim_(head_dim),
        of_layer_(kKeyHeads * kKeys * head_dim),
        layers_(kMemoryBytes / (of_layer_ * ElementBytes(type)) + 1),
        queries_(GaussianFloats(1, heads_ * head_dim)),
        keys_(RandomElements(type, layers_ * of_layer_)),
        accumulators_(layers_),
        packed_queries_(AllocateAlignedBuffer<float>(PackedQueries(group))),
        packed_keys_(AllocateAlignedBuffer<float>(kPackedKeys)),
        products_(AllocateAlignedBuffer<float>(heads_ * kStride)) {
    for (LayerAccumulator& layer : accumulators_) {
      Check(LayerAccumulator::Create({.heads = heads_, .max_keys = kKeys}, &layer));
    }
  }

  void Read(size_t layer) const { benchmark::DoNotOptimize(ReadAll(Layer(layer).key_data, type_, of_layer_)); }

  void Multiply(size_t layer) {
    const QueryKeyView view = Layer(layer);
    ProductBlock block;
    block.view = &view;
    block.num_heads = beside_ ? heads_ : heads_ / kKeyHeads;
    block.num_rows = 1;
    block.visible = RowVisibility({}, 1, kKeys, 0, 0);
    for (; block.first_head < heads_; block.first_head += block.num_heads) {
      MultiplyQueriesKeys(block, packed_queries_.get(), packed_keys_.get(), products_.get(), kStride);
      benchmark::DoNotOptimize(products_[0]);
    }
  }

  void Step(size_t layer) { Check(accumulators_[layer % layers_].AddQueriesKeys(Layer(layer))); }

  size_t layers() const { return layers_; }
  double bytes() const { return static_cast<double>(of_layer_ * ElementBytes(type_)); }

 private:
  static constexpr size_t kStride = kKeys + kMaxProductColumns;

  QueryKeyView Layer(size_t layer) const {
    const size_t layer_bytes = of_layer_ * ElementBytes(type_);
    QueryKeyView view = ContiguousQueryKey(queries_.data(), keys_.data() + layer % layers_ * layer_bytes,
                                           ElementType::kFloat32, 1, heads_, kKeyHeads, 1, kKeys, head_dim_);
    view.key_type = type_;
    if (beside_) {
      view.key_stride = static_cast<int64_t>(kKeyHeads * head_dim_);
      view.key_head_stride = static_cast<int64_t>(head_dim_);
    }
    return view;
  }

  ElementType type_;
  bool beside_;
  size_t heads_;
  size_t head_dim_;
  size_t of_layer_;
  size_t layers_;
  std::vector<float> queries_;
  std::vector<uint8_t> keys_;
  std::vector<LayerAccumulator> accumulators_;
  AlignedBuffer<float> packed_queries_;
  AlignedBuffer<float> packed_keys_;
  AlignedBuffer<float> products_;
};

const char* NameOf(ElementType type) {
  return type == ElementType::kFloat32 ? "float32" : type == ElementType::kFloat16 ? "float16" : "bfloat16";
}

void Measure(const std::string& name, ElementType type, size_t group, size_t head_dim, bool beside, int num_turns) {
  Cache cache(type, group, head_dim, beside);
  // What has read a layer comes to it again when all others have been read.
  size_t layer = 0;
  const size_t third = cache.layers() / 3;
  Interleaved turns(
      {[&] { cache.Read(layer); }, [&] { cache.Multiply(layer + third); }, [&] { cache.Step(layer++ + 2 * third); }});
  for (int i = 0; i < num_turns; ++i) turns.Turn();
  const auto rate = [&](size_t index) { return 1e-9 * cache.bytes() / turns.Quantile(index, 0.1); };
  const auto share = [&](size_t index) { return rate(index) / rate(0); };
  std::printf("%s: read %5.1f GB/s, product %5.1f GB/s %.2f, step %5.1f GB/s %.2f\n", name.c_str(), rate(0), rate(1),
              share(1), rate(2), share(2));
  std::fflush(stdout);
}

}  // namespace
}  // namespace attnscope::bench

int main(int argc, char** argv) {
  using namespace attnscope::bench;  // NOLINT: a program
  const int turns = argc > 1 ? std::atoi(argv[1]) : 201;
  if (turns < 1) {
    std::fprintf(stderr, "usage: decode_bench [TURNS [NAME...]]\n");
    return 1;
  }
  Check(attnscope::ForceTargetFromEnvironment());
  std::printf("target %s, %d turns\n", std::string(attnscope::ChosenTarget()).c_str(), turns);
  for (const attnscope::ElementType type :
       {attnscope::ElementType::kFloat32, attnscope::ElementType::kBFloat16, attnscope::ElementType::kFloat16}) {
    for (const size_t head_dim : {size_t{64}, size_t{128}}) {
      for (const size_t group : {size_t{1}, size_t{4}, size_t{8}}) {
        for (const bool beside : {false, true}) {
          const std::string name = std::string(NameOf(type)) + "/" + std::to_string(head_dim) + "/" +
                                   std::to_string(group) + "_rows/" + (beside ? "beside" : "apart");
          const bool chosen = argc <= 2 || std::any_of(argv + 2, argv + argc, [&](const char* part) {
                                return name.find(part) != std::string::npos;
                              });
          if (chosen) Measure(name, type, group, head_dim, beside, turns);
        }
      }
    }
  }
  return 0;
}
