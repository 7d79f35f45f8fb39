// SPDX-License-Identifier: Apache-2.0
//
// What figures of attention itself are drawn from: maps of matrices, and what keys receive.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "attnscope/attention_map.h"
#include "attnscope/key_profile.h"
#include "python/module/argument.h"
#include "python/module/calls.h"
#include "python/module/docstrings.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "python/module/stats.h"

namespace attnscope::python {
namespace {

// Makes a map of each head of a call.
class MapMaker final : public AttentionSink {
 public:
  MapMaker(int64_t layer, size_t cells) : layer_(layer), cells_(cells) {}

  Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) override {
    Status status = Make(weights.first_head, weights.heads, weights.queries, weights.keys);
    return status.ok() ? PoolWeights(weights, 0, mask, maps_, runner) : status;
  }
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) override {
    Status status = Make(logits.first_head, logits.heads, logits.queries, logits.keys);
    return status.ok() ? PoolLogits(logits, 0, params, maps_, runner) : status;
  }
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) override {
    Status status = Make(view.first_head, view.heads, view.queries, view.keys);
    return status.ok() ? PoolQueriesKeys(view, 0, params, maps_, runner) : status;
  }

  std::vector<AttentionMap>& maps() { return maps_; }

 private:
  Status Make(size_t first_head, size_t heads, size_t queries, size_t keys) {
    if (heads > kMaxHeads) {
      return {StatusCode::kInvalidArgument,
              "heads is " + std::to_string(heads) + ", expected at most " + std::to_string(kMaxHeads)};
    }
    try {
      for (size_t head = first_head; head < first_head + heads; ++head) {
        maps_.push_back(MakeAttentionMap(layer_, static_cast<int64_t>(head), queries, keys, cells_));
      }
    } catch (const std::bad_alloc&) {
      return {StatusCode::kOutOfMemory, "no memory for the maps of " + std::to_string(heads) + " heads"};
    }
    return {};
  }

  int64_t layer_;
  size_t cells_;
  std::vector<AttentionMap> maps_;
};

std::vector<AttentionMap> MakeMaps(nb::handle weights, nb::handle logits, nb::handle queries, nb::handle keys,
                                   const Argument<int64_t, "layer">& given_layer,
                                   const Argument<size_t, "cells">& given_cells, const nb::kwargs& keywords) {
  const int64_t layer = given_layer;
  const size_t cells = given_cells;
  if (layer < 0) Throw(PyExc_ValueError, "layer is " + std::to_string(layer) + ", expected a whole number >= 0");
  if (cells < 1 || cells > kMaxMapCells) {
    Throw(PyExc_ValueError, "cells is " + std::to_string(cells) + ", expected 1 to " + std::to_string(kMaxMapCells));
  }
  MapMaker maker(layer, cells);
  CallAddOneOf({weights, logits, queries, keys}, keywords, &maker, "attention_maps");
  return std::move(maker.maps());
}

// [rows, columns], over the map's own memory.
nb::object Cells(nb::handle_t<AttentionMap> self) {
  AttentionMap& map = *nb::inst_ptr<AttentionMap>(self);
  return nb::cast(nb::ndarray<nb::numpy, float, nb::ndim<2>>(map.cells.data(), {map.rows, map.columns}, self));
}

void BindMaps(nb::module_& module) {
  nb::class_<AttentionMap>(module, "AttentionMap", "One head's matrix, pooled into cells. Made by attention_maps.")
      .def_ro("layer", &AttentionMap::layer)
      .def_ro("head", &AttentionMap::head)
      .def_ro("queries", &AttentionMap::queries)
      .def_ro("keys", &AttentionMap::keys)
      .def_prop_ro("cells", &Cells,
                   "A float32 array [rows, columns]: the largest weight that each cell stands for. -1: no row may see "
                   "any key of it; NaN: it holds a NaN, an infinity or a negative weight.");
  module.def("attention_maps", &MakeMaps, nb::arg("weights") = nb::none(), nb::kw_only(),
             nb::arg("logits") = nb::none(), nb::arg("queries") = nb::none(), nb::arg("keys") = nb::none(),
             nb::arg("layer") = 0, nb::arg("cells") = kMapCells, nb::arg("keywords"), kAttentionMapsDoc);
}

using Doubles = nb::ndarray<nb::ro, double, nb::c_contig, nb::device::cpu>;

std::string SizesOf(const Doubles& array) {
  std::string sizes;
  for (size_t i = 0; i < array.ndim(); ++i) sizes += (i == 0 ? "" : ", ") + std::to_string(array.shape(i));
  return "[" + sizes + "]";
}

KeyProfile MakeProfile(const Doubles& column_sums, const Doubles& rows, const Argument<int64_t, "layer">& given) {
  const int64_t layer = given;
  if (layer < 0) Throw(PyExc_ValueError, "layer is " + std::to_string(layer) + ", expected a whole number >= 0");
  if (column_sums.ndim() != 2 || rows.ndim() != 1 || rows.shape(0) != column_sums.shape(0)) {
    Throw(PyExc_ValueError, "column_sums is " + SizesOf(column_sums) + " and rows " + SizesOf(rows) +
                                ", expected [heads, keys] and [heads]");
  }
  KeyProfile profile;
  Check(MakeKeyProfile(layer, {column_sums.data(), column_sums.size()}, {rows.data(), rows.size()}, &profile));
  return profile;
}

nb::object ArrayOf(const std::vector<double>& numbers) {
  double* values = nullptr;
  const nb::object array = nb::cast(NewArray(numbers.size(), &values));
  std::copy(numbers.begin(), numbers.end(), values);
  return array;
}

void BindProfiles(nb::module_& module) {
  nb::class_<KeyProfile>(module, "KeyProfile",
                         "What each key receives of a mean row's attention, by its position. Made by key_profile.")
      .def_ro("layer", &KeyProfile::layer)
      .def_ro("heads", &KeyProfile::heads)
      .def_prop_ro(
          "mean", [](const KeyProfile& profile) { return ArrayOf(profile.mean); },
          "A float64 array [keys], of the mean over heads that have rows; NaN where none have.")
      .def_prop_ro(
          "largest_head",
          [](const KeyProfile& profile) {
            return profile.largest_head < 0 ? std::nullopt : std::optional<int64_t>(profile.largest_head);
          },
          "The head that gives one key the most; None of one head.")
      .def_prop_ro(
          "largest", [](const KeyProfile& profile) { return ArrayOf(profile.largest); },
          "A float64 array [keys], of that head; empty without one.");
  module.def("key_profile", &MakeProfile, nb::arg("column_sums"), nb::arg("rows"), nb::kw_only(), nb::arg("layer") = 0);
}

}  // namespace

void BindAttentionMaps(nb::module_& module) {
  BindMaps(module);
  BindProfiles(module);
}

}  // namespace attnscope::python
