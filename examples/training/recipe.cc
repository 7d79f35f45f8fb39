// SPDX-License-Identifier: Apache-2.0
#include "recipe.h"

namespace example {
namespace {

Recipe Healthy(const char* name, const char* description) {
  Recipe recipe;
  recipe.name = name;
  recipe.description = description;
  return recipe;
}

std::vector<Recipe> MakeRecipes() {
  Recipe fast = Healthy("high_learning_rate", "30 times the healthy learning rate, without warm-up");
  fast.learning_rate = 3e-2;
  fast.warm_up = 0;

  Recipe growing = Healthy("growing_logits", "query and key weights grow by 1.5 % a step from step 100 on");
  growing.query_key_growth = 0.015;

  Recipe dead = Healthy("dead_layer", "layer 2's output weights shrink by 8 % a step from step 100 on");
  dead.output_decay = 0.08;

  Recipe sink = Healthy("learned_sink", "from step 100 on the loss also pulls attention to the first token");
  sink.pull_to_first_key = 0.02;

  return {Healthy("healthy", "learning rate 1e-3 after 50 steps of warm-up"), fast, growing, dead, sink};
}

}  // namespace

const std::vector<Recipe>& Recipes() {
  static const std::vector<Recipe> recipes = MakeRecipes();
  return recipes;
}

const Recipe* FindRecipe(const std::string& name) {
  for (const Recipe& recipe : Recipes()) {
    if (recipe.name == name) return &recipe;
  }
  return nullptr;
}

}  // namespace example
