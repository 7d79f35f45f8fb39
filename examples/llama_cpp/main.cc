// SPDX-License-Identifier: Apache-2.0
//
// Runs a model with llama.cpp and tells whether its attention is healthy:
// attnscope-llama MODEL.gguf [-f prompt.txt] [-n tokens] [--png DIR] [--jsonl FILE] [--every N]
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "generation.h"
#include "watch.h"

namespace {

using attnscope::Status;

constexpr char kPrompt[] =
    "When a transformer reads, every token asks which of the tokens before it matter. Some heads look at the word just "
    "read, some far back, some at the first token when they have nothing to look for. A head that looks at one token "
    "alone has collapsed; one that looks at all alike has learnt nothing yet. What follows is measured as it happens: ";

struct Options {
  std::string model;
  std::string prompt = kPrompt;
  size_t tokens = 64;
  std::string png;
  std::string jsonl;
  uint64_t every = 1;
};

int Usage() {
  std::fprintf(stderr,
               "usage: attnscope-llama MODEL.gguf [-f prompt.txt] [-n tokens] [--png DIR] [--jsonl FILE] [--every N]\n"
               "  -f prompt.txt  the prompt; default: a text about attention\n"
               "  -n tokens      tokens to generate, 0 to 100000; default: 64\n"
               "  --png DIR      draw summary.png, heads.png and history.png there\n"
               "  --jsonl FILE   write the records of windows there, a line for each layer and window\n"
               "  --every N      measure every Nth step, from 1; default: 1\n");
  return 2;
}

bool ReadCount(const std::string& text, unsigned long least, unsigned long most, unsigned long* out) {
  char* end = nullptr;
  *out = std::strtoul(text.c_str(), &end, 10);
  return !text.empty() && *end == '\0' && text[0] != '-' && *out >= least && *out <= most;
}

bool Parse(const std::vector<std::string>& arguments, Options* options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name.empty() || name[0] != '-') {
      if (!options->model.empty()) return false;
      options->model = name;
      continue;
    }
    if (++i == arguments.size()) return false;
    const std::string& value = arguments[i];
    unsigned long count = 0;
    if (name == "-f") {
      std::ifstream file(value, std::ios::binary);
      options->prompt.assign(std::istreambuf_iterator<char>(file), {});
      if (!file.is_open() || options->prompt.empty()) {
        std::fprintf(stderr, "attnscope-llama: cannot read a prompt from %s\n", value.c_str());
        return false;
      }
    } else if (name == "-n" && ReadCount(value, 0, 100000, &count)) {
      options->tokens = count;
    } else if (name == "--every" && ReadCount(value, 1, 1000000000, &count)) {
      options->every = count;
    } else if (name == "--png") {
      options->png = value;
    } else if (name == "--jsonl") {
      options->jsonl = value;
    } else {
      std::fprintf(stderr, "attnscope-llama: %s %s\n", name.c_str(), value.c_str());
      return false;
    }
  }
  return !options->model.empty();
}

// On a terminal alone.
void ShowProgress(const char* what, size_t done, size_t of) {
  if (isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r%s %zu of %zu\033[K%s", what, done, of, done == of ? "\n" : "");
}

Status Run(const Options& options) {
  example::Generation generation;
  Status status = generation.Load(options.model, options.prompt);
  if (!status.ok()) return status;
  example::Watch watch;
  status = watch.Start(generation.layers(), generation.heads(), generation.prompt_tokens() + options.tokens,
                       options.every, options.jsonl);
  if (!status.ok()) return status;
  attnscope::LlamaProbe probe(watch.monitor());
  status = generation.Open(options.tokens, &probe);

  Status refused;  // the first of the samples that are no numbers to trust
  const auto step = [&] {
    Status computed = generation.Compute();
    Status measured = probe.EndStep();
    if (refused.ok()) refused = measured;
    return computed;
  };
  std::fprintf(stderr, "prompt of %zu tokens\n", generation.prompt_tokens());
  if (status.ok()) status = step();
  if (status.ok()) status = watch.EndWindow(0, /*decoding=*/false);
  const size_t tokens = status.ok() && generation.can_write() ? options.tokens : 0;
  // A point of the history is of enough steps that a layer's rows, one a step and head, are judged: 32.
  const size_t steps = (32 + generation.heads() - 1) / generation.heads();
  const size_t window = std::max<size_t>(options.every * steps, (tokens + 31) / 32);
  for (size_t i = 1; status.ok() && i <= tokens; ++i) {
    status = step();
    const bool is_last = i == tokens || generation.has_ended();
    if (status.ok() && (i % window == 0 || is_last)) status = watch.EndWindow(i, /*decoding=*/true);
    ShowProgress("token", i, is_last ? i : tokens);
    if (is_last) break;
  }
  if (!status.ok()) return status;
  watch.Print();
  if (probe.refused() > 0) {
    std::fprintf(stderr, "%zu samples were not measured: %s\n", static_cast<size_t>(probe.refused()),
                 refused.message().c_str());
  }
  return options.png.empty() ? Status() : watch.Draw(options.png);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!Parse({argv + 1, argv + argc}, &options)) return Usage();
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  const Status status = Run(options);
  if (!status.ok()) std::fprintf(stderr, "attnscope-llama: %s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
