// SPDX-License-Identifier: Apache-2.0
//
// What the program does with measurements: a window of steps becomes a report; all of them together a table, verdicts
// and pictures.
#ifndef ATTNSCOPE_EXAMPLES_LLAMA_CPP_WATCH_H_
#define ATTNSCOPE_EXAMPLES_LLAMA_CPP_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/layer_accumulator.h"
#include "attnscope/report.h"
#include "attnscope/status.h"

namespace example {

class Watch {
 public:
  ~Watch();
  // Of a model's layers and heads and a context of `keys`; samples every `every_steps`. Records go to `jsonl`, if it is
  // not empty, a line for each layer and window.
  attnscope::Status Start(size_t layers, size_t heads, size_t keys, uint64_t every_steps, const std::string& jsonl);

  attnscope::AttentionMonitor* monitor() { return &monitor_; }

  // Ends a window of steps. Those of decoding are drawn over time.
  attnscope::Status EndWindow(uint64_t step, bool decoding);

  // Prints the table and the verdicts of all steps.
  void Print() const;
  // Draws summary.png, heads.png and, of decoding, history.png into a folder, which is made if it is not there.
  attnscope::Status Draw(const std::string& folder) const;

 private:
  attnscope::Report ReportOf(const std::vector<attnscope::LayerAccumulator>& layers) const;

  attnscope::AttentionMonitor monitor_;
  attnscope::LayerConfig layer_config_;
  std::FILE* records_ = nullptr;
  std::vector<attnscope::LayerAccumulator> all_;  // [layers], of all steps
  std::vector<attnscope::Report> over_time_;
};

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_LLAMA_CPP_WATCH_H_
