// SPDX-License-Identifier: Apache-2.0
#include "python/module/arguments.h"

#include <string>
#include <string_view>

#include "attnscope/dlpack.h"
#include "python/module/argument.h"
#include "python/module/errors.h"

namespace attnscope::python {
namespace {

WindowKind Kind(const char* name, nb::handle value) {
  const std::string text = nb::str(value).c_str();
  if (text == "sliding") return WindowKind::kSliding;
  if (text == "chunked") return WindowKind::kChunked;
  Throw(PyExc_ValueError, std::string(name) + " is " + nb::repr(value).c_str() + ", expected 'sliding' or 'chunked'");
}

// 0 is the library's word for the default; here that is to leave it out.
double Scale(const char* name, nb::handle value) {
  const auto scale = Read<double>(name, value);
  if (scale == 0.0) Throw(PyExc_ValueError, std::string(name) + " is 0, expected a number above 0, or None");
  return scale;
}

struct Keyword {
  const char* name;
  Source least;  // the first source that has it
  void (*set)(const char* name, nb::handle value, CallOptions* out);
  Source most = Source::kQueriesKeys;  // the last one

  bool IsOf(Source source) const { return least <= source && source <= most; }
};

#define ATTNSCOPE_SETTER(statement) [](const char* name, nb::handle value, CallOptions* out) { statement; }
// Of arrays, which are read when the shape is known.
#define ATTNSCOPE_KEEPER(member) \
  [](const char*, nb::handle value, CallOptions* out) { out->member = nb::borrow(value); }
constexpr Keyword kKeywords[] = {
    {"copy", Source::kActivations, ATTNSCOPE_SETTER(out->copy = Read<bool>(name, value))},
    {"threads", Source::kWeights, ATTNSCOPE_SETTER(out->threads = Read<size_t>(name, value))},
    {"first_sequence", Source::kWeights, ATTNSCOPE_SETTER(out->first_sequence = Read<size_t>(name, value))},
    {"first_head", Source::kWeights, ATTNSCOPE_SETTER(out->first_head = Read<size_t>(name, value))},
    {"causal", Source::kWeights, ATTNSCOPE_SETTER(out->params.mask.causal = Read<bool>(name, value))},
    {"causal_offset", Source::kWeights, ATTNSCOPE_SETTER(out->params.mask.causal_offset = Read<int64_t>(name, value))},
    {"key_lengths", Source::kWeights, ATTNSCOPE_KEEPER(key_lengths)},
    {"first_keys", Source::kWeights, ATTNSCOPE_KEEPER(first_keys)},
    {"query_lengths", Source::kWeights, ATTNSCOPE_KEEPER(query_lengths)},
    {"window", Source::kWeights, ATTNSCOPE_SETTER(out->params.mask.window = Read<int64_t>(name, value))},
    {"window_after", Source::kWeights, ATTNSCOPE_SETTER(out->params.mask.window_after = Read<int64_t>(name, value))},
    {"window_kind", Source::kWeights, ATTNSCOPE_SETTER(out->params.mask.window_kind = Kind(name, value))},
    {"segments", Source::kWeights, ATTNSCOPE_KEEPER(segments)},
    {"mask", Source::kWeights, ATTNSCOPE_KEEPER(mask)},
    {"key_positions", Source::kWeights, ATTNSCOPE_KEEPER(key_positions)},
    {"keys_were_evicted", Source::kWeights,
     ATTNSCOPE_SETTER(out->params.mask.keys_were_evicted = Read<bool>(name, value))},
    {"null_mass", Source::kWeights, ATTNSCOPE_SETTER(out->null_mass = Read<bool>(name, value)), Source::kWeights},
    {"scale", Source::kLogits, ATTNSCOPE_SETTER(out->params.scale = Scale(name, value))},
    {"soft_cap", Source::kLogits, ATTNSCOPE_SETTER(out->params.soft_cap = Read<double>(name, value))},
    {"bias", Source::kLogits, ATTNSCOPE_KEEPER(bias)},
    {"bias_factors", Source::kLogits, ATTNSCOPE_KEEPER(bias_factors)},
    {"masked_below", Source::kLogits, ATTNSCOPE_SETTER(out->params.masked_below = Read<double>(name, value))},
    {"sinks", Source::kLogits, ATTNSCOPE_KEEPER(sinks)},
};
#undef ATTNSCOPE_KEEPER
#undef ATTNSCOPE_SETTER

std::string NamesOf(Source source) {
  std::string names;
  for (const Keyword& keyword : kKeywords) {
    if (!keyword.IsOf(source)) continue;
    if (!names.empty()) names += ", ";
    names += keyword.name;
  }
  return names;
}

const Keyword* Find(std::string_view name, Source source) {
  for (const Keyword& keyword : kKeywords) {
    if (keyword.IsOf(source) && name == keyword.name) return &keyword;
  }
  return nullptr;
}

// The numbers of a list, a tuple or an array.
template <typename T>
std::vector<T> Numbers(const char* name, nb::handle values, const char* expected, T (*read)(const char*, nb::handle)) {
  const nb::object list = nb::hasattr(values, "tolist") ? values.attr("tolist")() : nb::borrow(values);
  if (!nb::isinstance<nb::sequence>(list) || nb::isinstance<nb::str>(list)) {
    Throw(PyExc_TypeError, std::string(name) + " is " + nb::repr(list).c_str() + ", expected " + expected);
  }
  std::vector<T> out;
  for (const nb::handle value : list) out.push_back(read(name, value));
  return out;
}

void CheckCount(const char* name, size_t has, size_t expected, const char* each) {
  if (has == expected) return;
  Throw(PyExc_ValueError, std::string(name) + " has " + std::to_string(has) + " numbers, expected " +
                              std::to_string(expected) + ": one for each " + each);
}

std::vector<int64_t> OfSequences(const char* name, nb::handle values, size_t batch) {
  std::vector<int64_t> out = Numbers<int64_t>(name, values, "a whole number for each sequence", &Read<int64_t>);
  CheckCount(name, out.size(), batch, "sequence");
  return out;
}

std::vector<float> OfHeads(const char* name, nb::handle values, size_t heads) {
  std::vector<float> out = Numbers<float>(name, values, "a number for each head", [](const char* n, nb::handle value) {
    return static_cast<float>(Read<double>(n, value));
  });
  CheckCount(name, out.size(), heads, "head");
  return out;
}

// Sizes that are 1 serve all: their strides become 0. The last `whole` sizes must be those of the shape.
void Broadcast(const char* name, const AttentionShape& shape, int whole, internal::DLPackLayout* layout) {
  const size_t expected[] = {shape.batch, shape.heads, shape.queries, shape.keys};
  const char* const of[] = {"batch", "heads", "queries", "keys"};
  for (int i = 0; i < 4; ++i) {
    if (layout->sizes[i] == expected[i]) continue;
    const bool may_repeat = i < 4 - whole;
    if (layout->sizes[i] != 1 || !may_repeat) {
      Throw(PyExc_ValueError, std::string(name) + " has size " + std::to_string(layout->sizes[i]) + " for the " +
                                  of[i] + ", expected " + std::to_string(expected[i]) + (may_repeat ? " or 1" : ""));
    }
    layout->strides[i] = 0;
  }
}

// A bias [batch, heads, queries, keys] or the last dimensions of that; those of size 1 serve all.
BiasView BiasOf(const DLTensor& tensor, const AttentionShape& shape) {
  internal::DLPackLayout layout;
  Check("bias", internal::ReadDLPack("array", tensor, 1, 4, &layout));
  Check("bias", internal::CheckDLPackRows("array", layout));
  Broadcast("bias", shape, 1, &layout);
  BiasView view;
  view.data = layout.data;
  view.type = layout.type;
  view.batch_stride = layout.strides[0];
  view.head_stride = layout.strides[1];
  view.query_stride = layout.strides[2];
  return view;
}

bool IsGiven(const nb::object& value) { return value.is_valid() && !value.is_none(); }

}  // namespace

std::vector<size_t> ReadSizes(const char* name, nb::handle values, const char* expected) {
  return Numbers<size_t>(name, values, expected, &Read<size_t>);
}

CallOptions::CallOptions(const char* method, Source source, const nb::kwargs& keywords) {
  for (const auto& [key, value] : keywords) {
    const char* const name = nb::borrow<nb::str>(key).c_str();
    const Keyword* const keyword = Find(name, source);
    if (keyword == nullptr) {
      Throw(PyExc_TypeError, std::string(method) + "() has no keyword '" + name + "'; it has " + NamesOf(source));
    }
    if (!value.is_none()) keyword->set(keyword->name, value, this);
  }
  CheckCompany(keywords);
}

void CallOptions::CheckCompany(const nb::kwargs& keywords) const {
  const struct {
    const char* name;
    bool has_company;
    const char* company;
  } kNeeds[] = {
      {"window_kind", params.mask.window != 0, "window"},
      {"bias_factors", IsGiven(bias), "bias"},
  };
  for (const auto& need : kNeeds) {
    if (need.has_company || !keywords.contains(need.name)) continue;
    const nb::object value = keywords[need.name];
    if (value.is_none()) continue;
    Throw(PyExc_ValueError, std::string(need.name) + " is " + nb::repr(value).c_str() +
                                ", which changes nothing without " + need.company);
  }
}

void CallOptions::Fit(const AttentionShape& shape) {
  Visibility& seen = params.mask;
  if (IsGiven(key_lengths)) {
    key_lengths_ = OfSequences("key_lengths", key_lengths, shape.batch);
    seen.key_lengths = key_lengths_.data();
  }
  if (IsGiven(first_keys)) {
    first_keys_ = OfSequences("first_keys", first_keys, shape.batch);
    seen.first_keys = first_keys_.data();
  }
  if (IsGiven(query_lengths)) {
    query_lengths_ = OfSequences("query_lengths", query_lengths, shape.batch);
    seen.query_lengths = query_lengths_.data();
  }
  if (IsGiven(sinks)) {
    sinks_ = OfHeads("sinks", sinks, shape.heads);
    params.sinks = sinks_.data();
  }
  if (IsGiven(bias)) {
    bias_.emplace("bias", bias, copy);
    params.bias = BiasOf(bias_->dl(), shape);
  }
  if (IsGiven(bias_factors)) {
    bias_factors_ = OfHeads("bias_factors", bias_factors, shape.heads);
    params.bias.head_factors = bias_factors_.data();
  }
  if (IsGiven(mask)) FitMask(shape);
  FitPositions(shape);
}

void CallOptions::FitMask(const AttentionShape& shape) {
  mask_.emplace("mask", mask, copy, Tensor::Elements::kBytes);
  internal::DLPackLayout layout;
  const DLTensor& tensor = mask_->dl();
  DLTensor floats = tensor;  // the layout is asked for alone, whose reader knows numbers
  floats.dtype = {kDLFloat, 32, 1};
  Check("mask", internal::ReadDLPack("array", floats, 1, 4, &layout));
  Broadcast("mask", shape, 0, &layout);
  KeyMaskView& view = params.mask.key_mask;
  view.data = static_cast<const uint8_t*>(layout.data);
  view.batch_stride = layout.strides[0];
  view.head_stride = layout.strides[1];
  view.query_stride = layout.strides[2];
  view.key_stride = layout.strides[3];
}

void CallOptions::FitPositions(const AttentionShape& shape) {
  Visibility& seen = params.mask;
  if (IsGiven(segments)) {
    segments_ =
        Numbers<int64_t>("segments", segments, "whole numbers: where documents begin, and the end", &Read<int64_t>);
    if (segments_.size() < 2) {
      Throw(PyExc_ValueError, "segments has " + std::to_string(segments_.size()) + " numbers, expected [0, ..., keys]");
    }
    seen.segments = segments_.data();
    seen.num_segments = segments_.size() - 1;
  }
  if (IsGiven(key_positions)) {
    const nb::object flat =
        nb::hasattr(key_positions, "reshape") ? key_positions.attr("reshape")(-1) : nb::borrow(key_positions);
    key_positions_ = Numbers<int64_t>("key_positions", flat, "a whole number for each key", &Read<int64_t>);
    const bool is_shared = key_positions_.size() == shape.keys;
    if (!is_shared)
      CheckCount("key_positions", key_positions_.size(), shape.batch * shape.keys, "key of each sequence");
    seen.key_positions = key_positions_.data();
    seen.key_positions_stride = is_shared ? 0 : static_cast<int64_t>(shape.keys);
  }
}

}  // namespace attnscope::python
