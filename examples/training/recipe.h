// SPDX-License-Identifier: Apache-2.0
//
// How a run is trained: one healthy way, and ways that make attention ill. Two of the illnesses come by themselves; the
// others are imitations, which do in some hundred steps what takes real runs days, and each says how.
#ifndef ATTNSCOPE_EXAMPLES_TRAINING_RECIPE_H_
#define ATTNSCOPE_EXAMPLES_TRAINING_RECIPE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace example {

struct Recipe {
  std::string name;
  std::string description;
  double learning_rate = 1e-3;  // of AdamW, once warm
  uint64_t warm_up = 50;        // steps in which it rises linearly

  uint64_t onset = 100;            // the step from which on the rest applies
  double query_key_growth = 0.0;   // share by which the weights of queries and keys grow in each step
  size_t dying_layer = 2;          // whose outputs
  double output_decay = 0.0;       // shrink by this share in each step
  double pull_to_first_key = 0.0;  // weight, in the loss, of -log of the attention that the first token receives
};

const std::vector<Recipe>& Recipes();
// The recipe of this name, or null.
const Recipe* FindRecipe(const std::string& name);

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_TRAINING_RECIPE_H_
