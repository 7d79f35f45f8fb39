// SPDX-License-Identifier: Apache-2.0
//
// A training run that attnscope watches: a decoder of 4 layers (width 128, 4 heads, context 128) learns the bytes of
// Debian's licences on LibTorch, in a minute on one core, in a healthy way or an ill one (recipe.h).
//
//   attnscope_example_training [--recipe NAME] [--steps N] [--seed N] [--text PATH] FOLDER
//
// Every 10th step is watched, from the model's own queries and keys, residual streams and gradients. Losses and
// verdicts are printed; FOLDER gets the monitor's records and reports (watch.h), and losses.jsonl. A picture of the
// run:
//
//   attnscope render FOLDER/reports.jsonl -o history.png --figure history
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "recipe.h"
#include "trainer.h"
#include "watch.h"

namespace {

constexpr uint64_t kEverySteps = 10;

struct Options {
  std::string recipe = "healthy";
  std::string text = "/usr/share/common-licenses";  // a file, or a folder of files
  std::string folder;
  uint64_t steps = 250;
  uint64_t seed = 1;
};

int Usage(const char* program) {
  std::fprintf(stderr, "usage: %s [--recipe NAME] [--steps N] [--seed N] [--text PATH] FOLDER\nrecipes:\n", program);
  for (const example::Recipe& recipe : example::Recipes()) {
    std::fprintf(stderr, "  %-20s %s\n", recipe.name.c_str(), recipe.description.c_str());
  }
  return 1;
}

bool Parse(const std::vector<std::string>& arguments, Options* out) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      out->folder = name;
      continue;
    }
    if (++i == arguments.size()) return false;
    const std::string& value = arguments[i];
    if (name == "--recipe") {
      out->recipe = value;
    } else if (name == "--text") {
      out->text = value;
    } else if (name == "--steps") {
      out->steps = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--seed") {
      out->seed = std::strtoull(value.c_str(), nullptr, 10);
    } else {
      return false;
    }
  }
  return !out->folder.empty();
}

// The contents of a file, or of a folder's files in the order of their names; links are other names of files.
std::string ReadText(const std::string& path) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.is_regular_file(error) && !entry.is_symlink(error)) files.push_back(entry.path());
  }
  if (files.empty()) files.emplace_back(path);
  std::sort(files.begin(), files.end());
  std::string text;
  for (const std::filesystem::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    text.append(std::istreambuf_iterator<char>(stream), {});
  }
  return text;
}

// As Python reads and writes it.
std::string Number(double value) { return std::isfinite(value) ? std::to_string(value) : "NaN"; }

attnscope::Status Run(const Options& options, const example::Recipe& recipe, const std::string& text) {
  example::Watch watch;
  attnscope::Status status = watch.Start(options.folder, kEverySteps);
  if (!status.ok()) return status;
  std::ofstream losses(options.folder + "/losses.jsonl");
  example::Trainer trainer(recipe, text, options.seed);
  const example::Observer observer = watch.MakeObserver();
  for (uint64_t step = 0; status.ok() && step < options.steps; ++step) {
    if (!watch.IsWatched(step)) {
      trainer.Step();
    } else {
      const double validation_loss = trainer.ValidationLoss();
      const double loss = trainer.Step(observer);
      std::printf("step %4d  loss %.3f  validation %.3f\n", static_cast<int>(step), loss, validation_loss);
      losses << "{\"step\": " << step << ", \"loss\": " << Number(loss)
             << ", \"validation_loss\": " << Number(validation_loss) << "}" << std::endl;
    }
    status = watch.EndStep(step);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!Parse({argv + 1, argv + argc}, &options)) return Usage(argv[0]);
  const example::Recipe* const recipe = example::FindRecipe(options.recipe);
  if (recipe == nullptr) return Usage(argv[0]);
  const std::string text = ReadText(options.text);
  if (text.size() < size_t{20} * 1024) {
    std::fprintf(stderr, "%s has too little text\n", options.text.c_str());
    return 1;
  }
  const attnscope::Status status = Run(options, *recipe, text);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
