// SPDX-License-Identifier: Apache-2.0
//
// A decoder whose cache keeps the heavy hitters and the recent keys (H2O), by attnscope::KeyScores, and next to it by
// full attention matrices: after each token both choose the keys that stay, and the program compares the choices.
//
// The decoder is made up: random queries and keys of 4 query heads on 2 heads of keys, some keys larger than others, so
// that there is something to keep. What an engine has to do is marked by numbers.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "attnscope/key_scores.h"
#include "full_matrices.h"

namespace {

constexpr size_t kHeads = 4, kKvHeads = 2, kHeadDim = 16;
constexpr size_t kSteps = 240;
constexpr size_t kFirst = 2, kHeavy = 22, kRecent = 16;
constexpr size_t kBudget = kFirst + kHeavy + kRecent;  // keys of each head

void Check(const attnscope::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

// Numbers around 0, the same everywhere.
std::vector<float> RandomVector(size_t count, float size) {
  static uint32_t state = 1;
  std::vector<float> values(count);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = size * (static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1.0f);
  }
  return values;
}

// The keys of one head that are in the cache, [keys, kHeadDim], and which token each is of.
struct HeadCache {
  std::vector<float> keys;
  std::vector<size_t> tokens;

  void Append(size_t token, const std::vector<float>& key) {
    keys.insert(keys.end(), key.begin(), key.end());
    tokens.push_back(token);
  }
  // Gathers what stays.
  void Keep(const std::vector<size_t>& kept) {
    HeadCache gathered;
    for (const size_t key : kept) {
      const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(key * kHeadDim);
      gathered.Append(tokens[key], std::vector<float>(begin, begin + kHeadDim));
    }
    *this = gathered;
  }
};

void Print(const char* name, const HeadCache& cache, const std::vector<size_t>& kept) {
  std::printf("  %-13s", name);
  for (const size_t key : kept) std::printf(" %zu", cache.tokens[key]);
  std::printf("\n");
}

}  // namespace

int main() {
  // 1. Beside the cache of a layer: its scores, of as many keys as it ever holds.
  attnscope::KeyScores scores;
  Check(attnscope::KeyScores::Create({.heads = kHeads, .groups = kKvHeads, .max_keys = kBudget + 1}, &scores));
  HeadCache caches[kKvHeads];
  FullMatrices matrices[kKvHeads];
  size_t evictions = 0, same = 0;
  for (size_t token = 0; token < kSteps; ++token) {
    const std::vector<float> queries = RandomVector(kHeads * kHeadDim, 1.5f);
    for (size_t head = 0; head < kKvHeads; ++head) {
      HeadCache& cache = caches[head];
      cache.Append(token, RandomVector(kHeadDim, token % 7 == head ? 3.0f : 1.0f));
      const size_t first_query = head * (kHeads / kKvHeads);
      for (size_t i = 0; i < kHeads / kKvHeads; ++i) {
        matrices[head].AddQuery(&queries[(first_query + i) * kHeadDim], cache.keys.data(), cache.tokens.size(),
                                kHeadDim);
      }
      // 2. Each step's queries, with the keys that are in the cache. An engine whose heads have their keys in one
      // tensor adds all of them in one call; here each head of keys has its own.
      attnscope::QueryKeyView view = attnscope::ContiguousQueryKey(
          &queries[first_query * kHeadDim], cache.keys.data(), attnscope::ElementType::kFloat32, /*batch=*/1,
          kHeads / kKvHeads, /*kv_heads=*/1, /*queries=*/1, cache.tokens.size(), kHeadDim);
      view.first_head = first_query;
      Check(scores.AddQueriesKeys(view));
      if (cache.tokens.size() <= kBudget) continue;
      // 3. The keys that stay.
      std::vector<size_t> kept(kBudget);
      size_t count = 0;
      Check(scores.TopKeys(/*sequence=*/0, head, {.heavy = kHeavy, .first = kFirst, .recent = kRecent}, kept, &count));
      kept.resize(count);
      const std::vector<size_t> by_matrices = matrices[head].Choose(kHeavy, kFirst, kRecent);
      ++evictions;
      same += kept == by_matrices ? 1 : 0;
      if (token + 1 == kSteps) {
        std::printf("after %zu tokens head %zu keeps the keys of tokens\n", kSteps, head);
        Print("KeyScores:", cache, kept);
        Print("full matrices:", cache, by_matrices);
      }
      // 4. The cache drops the others, and the scores do.
      cache.Keep(kept);
      Check(scores.Keep(0, head, kept));
      matrices[head].Keep(by_matrices);
    }
  }
  const size_t of_scores = kHeads * (kBudget + 1) * 12;
  std::printf("full matrices take %zu bytes and grow, the scores %zu\n", matrices[0].Bytes() + matrices[1].Bytes(),
              of_scores);
  std::printf("both kept the same keys in %zu of %zu evictions\n", same, evictions);
  return same == evictions ? 0 : 1;
}
