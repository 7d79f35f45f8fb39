// SPDX-License-Identifier: Apache-2.0
#include "python/module/key_scores.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <optional>
#include <vector>

#include "python/module/argument.h"
#include "python/module/arguments.h"
#include "python/module/calls.h"
#include "python/module/docstrings.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "python/module/stats.h"

namespace attnscope::python {
namespace {

template <typename Call>
auto WithoutGil(Scores& self, const Call& call) {
  const nb::gil_scoped_release release;
  return self.Locked(call);
}

void Make(Scores* memory, const Argument<size_t, "heads">& heads, const Argument<size_t, "groups">& groups,
          const Argument<size_t, "max_keys">& max_keys, const Argument<size_t, "max_batch">& max_batch,
          const Argument<size_t, "window">& window, const Argument<double, "decay">& decay) {
  new (memory) Scores({.heads = heads,
                       .groups = groups,
                       .max_keys = max_keys,
                       .max_batch = max_batch,
                       .window = window,
                       .decay = decay});
}

nb::object ArrayOf(const std::vector<double>& numbers) {
  double* values = nullptr;
  const nb::object array = nb::cast(NewArray(numbers.size(), &values));
  std::copy(numbers.begin(), numbers.end(), values);
  return array;
}

nb::object GroupScores(Scores& self, const Argument<size_t, "sequence">& sequence,
                       const Argument<size_t, "group">& group) {
  std::vector<double> found;
  Check(WithoutGil(self, [&](KeyScores& scores) {
    found.resize(scores.Keys(sequence, group));
    return scores.Scores(sequence, group, found);
  }));
  return ArrayOf(found);
}

nb::object HeadScores(Scores& self, const Argument<size_t, "sequence">& sequence,
                      const Argument<size_t, "head">& head) {
  const KeyScoresConfig config = self.config();
  std::vector<double> found;
  Check(WithoutGil(self, [&](KeyScores& scores) {
    found.resize(scores.Keys(sequence, head / (config.heads / config.groups)));
    return scores.HeadScores(sequence, head, found);
  }));
  return ArrayOf(found);
}

nb::object TopKeys(Scores& self, const Argument<size_t, "heavy">& heavy, const Argument<size_t, "first">& first,
                   const Argument<size_t, "recent">& recent, const Argument<size_t, "sequence">& sequence,
                   const Argument<size_t, "group">& group) {
  std::vector<size_t> found;
  size_t count = 0;
  Check(WithoutGil(self, [&](KeyScores& scores) {
    found.resize(scores.Keys(sequence, group));
    return scores.TopKeys(sequence, group, {.heavy = heavy, .first = first, .recent = recent}, found, &count);
  }));
  auto* const values = new int64_t[std::max<size_t>(count, 1)];
  const nb::capsule owner(values, [](void* p) noexcept { delete[] static_cast<int64_t*>(p); });
  std::transform(found.begin(), found.begin() + static_cast<ptrdiff_t>(count), values,
                 [](size_t key) { return static_cast<int64_t>(key); });
  return nb::cast(nb::ndarray<nb::numpy, int64_t, nb::ndim<1>>(values, {count}, owner));
}

size_t GroupOrAll(const std::optional<size_t>& group) { return group.value_or(kAllGroups); }

using Edit = Status (KeyScores::*)(size_t sequence, size_t group, std::span<const size_t> keys);

template <Edit kEdit>
void EditKeys(Scores& self, nb::handle keys, const Argument<size_t, "sequence">& sequence,
              const Argument<std::optional<size_t>, "group">& group) {
  const std::vector<size_t> read = ReadSizes("keys", keys, "whole numbers, ascending");
  const size_t groups = GroupOrAll(group);
  Check(WithoutGil(self, [&](KeyScores& scores) { return (scores.*kEdit)(sequence, groups, read); }));
}

void Shift(Scores& self, const Argument<size_t, "begin">& begin, const Argument<size_t, "end">& end,
           const Argument<int64_t, "delta">& delta, const Argument<size_t, "sequence">& sequence,
           const Argument<std::optional<size_t>, "group">& group) {
  const size_t groups = GroupOrAll(group);
  Check(WithoutGil(self, [&](KeyScores& scores) { return scores.Shift(sequence, groups, begin, end, delta); }));
}

void BindCalls(nb::class_<Scores>* bound) {
  bound
      ->def(
          "add_weights",
          [](Scores& self, nb::handle weights, const nb::kwargs& keywords) {
            CallAddWeights(weights, keywords, &self);
          },
          nb::arg("weights").none(), nb::arg("keywords"), kAddWeightsDoc)
      .def(
          "add_logits",
          [](Scores& self, nb::handle logits, const nb::kwargs& keywords) { CallAddLogits(logits, keywords, &self); },
          nb::arg("logits").none(), nb::arg("keywords"), kAddLogitsDoc)
      .def(
          "add_queries_keys",
          [](Scores& self, nb::handle queries, nb::handle keys, const nb::kwargs& keywords) {
            CallAddQueriesKeys(queries, keys, keywords, &self);
          },
          nb::arg("queries").none(), nb::arg("keys").none(), nb::arg("keywords"), kAddQueriesKeysDoc);
}

template <Edit kEdit>
void BindEdit(nb::class_<Scores>* bound, const char* name, const char* doc) {
  bound->def(name, &EditKeys<kEdit>, nb::arg("keys").none(), nb::kw_only(), nb::arg("sequence") = 0,
             nb::arg("group").none() = nb::none(), doc);
}

void BindEdits(nb::class_<Scores>* bound) {
  BindEdit<&KeyScores::Keep>(
      bound, "keep",
      "The cache keeps only these keys, ascending, which move down. ValueError for keys that there are not.");
  BindEdit<&KeyScores::Remove>(
      bound, "remove", "The cache drops these keys, ascending, and later ones move down. ValueError as of keep.");
  BindEdit<&KeyScores::Clear>(
      bound, "clear",
      "The cache drops these keys, ascending, and nothing moves: scores of zero. ValueError as of keep.");
  bound->def("shift", &Shift, nb::arg("begin"), nb::arg("end"), nb::arg("delta"), nb::kw_only(),
             nb::arg("sequence") = 0, nb::arg("group").none() = nb::none(),
             "Keys [begin, end) move by `delta`, over others, which are dropped, and leave scores of zero, or no keys "
             "if they were the last. ValueError for keys that there are not, or that would lie before key 0 or beyond "
             "max_keys.");
}

void BindReading(nb::class_<Scores>* bound) {
  bound
      ->def("scores", &GroupScores, nb::arg("sequence") = 0, nb::arg("group") = 0,
            "A group's scores, the sums of its heads': a float64 array [keys]. ValueError for what there is not.")
      .def("head_scores", &HeadScores, nb::arg("sequence") = 0, nb::arg("head") = 0,
           "A query head's scores: a float64 array [keys]. ValueError for what there is not.")
      .def("top_keys", &TopKeys, nb::arg("heavy") = 0, nb::kw_only(), nb::arg("first") = 0, nb::arg("recent") = 0,
           nb::arg("sequence") = 0, nb::arg("group") = 0,
           "Which keys a group is to keep: the `first` ones, the last `recent` ones, and of those in between the "
           "`heavy` ones with the largest scores (of equals the first); ascending, an int64 array. ValueError for a "
           "sequence or group that there is not.")
      .def(
          "keys",
          [](Scores& self, const Argument<size_t, "sequence">& sequence, const Argument<size_t, "group">& group) {
            return WithoutGil(self, [&](KeyScores& scores) { return scores.Keys(sequence, group); });
          },
          nb::arg("sequence") = 0, nb::arg("group") = 0, "How many keys a group has; 0 for one that there is not.")
      .def(
          "rows",
          [](Scores& self, const Argument<size_t, "sequence">& sequence, const Argument<size_t, "head">& head) {
            return WithoutGil(self, [&](KeyScores& scores) { return scores.Rows(sequence, head); });
          },
          nb::arg("sequence") = 0, nb::arg("head") = 0,
          "How many rows a query head has had; 0 for one that there is not.");
}

}  // namespace

void BindKeyScores(nb::module_& module) {
  constexpr KeyScoresConfig kDefaults;
  nb::class_<Scores> bound(module, "KeyScores", nb::is_weak_referenceable(), kKeyScoresDoc);
  bound.def("__init__", &Make, nb::kw_only(), nb::arg("heads") = kDefaults.heads, nb::arg("groups") = kDefaults.groups,
            nb::arg("max_keys"), nb::arg("max_batch") = kDefaults.max_batch, nb::arg("window") = kDefaults.window,
            nb::arg("decay") = kDefaults.decay);
  BindCalls(&bound);
  BindReading(&bound);
  BindEdits(&bound);
  bound
      .def(
          "end_sequence",
          [](Scores& self, const Argument<size_t, "sequence">& sequence) {
            Check(WithoutGil(self, [&](KeyScores& scores) { return scores.EndSequence(sequence); }));
          },
          nb::arg("sequence") = 0,
          "Forgets a sequence: the next rows begin another. ValueError for a sequence beyond max_batch.")
      .def(
          "reset", [](Scores& self) { WithoutGil(self, [](KeyScores& scores) { scores.Reset(); }); },
          "Forgets all sequences.")
      .def_prop_ro("heads", [](const Scores& self) { return self.config().heads; })
      .def_prop_ro("groups", [](const Scores& self) { return self.config().groups; })
      .def_prop_ro("max_keys", [](const Scores& self) { return self.config().max_keys; })
      .def_prop_ro("max_batch", [](const Scores& self) { return self.config().max_batch; })
      .def_prop_ro("window", [](const Scores& self) { return self.config().window; })
      .def_prop_ro("decay", [](const Scores& self) { return self.config().decay; });
}

}  // namespace attnscope::python
