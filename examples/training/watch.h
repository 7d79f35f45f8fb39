// SPDX-License-Identifier: Apache-2.0
//
// attnscope's side of a training loop: which steps are looked at, how a layer's tensors reach the monitor, and what is
// written.
#ifndef ATTNSCOPE_EXAMPLES_TRAINING_WATCH_H_
#define ATTNSCOPE_EXAMPLES_TRAINING_WATCH_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "attnscope/attention_monitor.h"
#include "attnscope/status.h"
#include "trainer.h"

namespace example {

// Watches every `every_steps`-th step, and judges it at once. Writes to FOLDER
//   records.jsonl   the monitor's records, a line a layer and step (docs/monitor.md)
//   reports.jsonl   a report a step, which `attnscope render --figure history` and `attnscope diagnose` read
// and prints verdicts that come and go.
class Watch {
 public:
  attnscope::Status Start(const std::string& folder, uint64_t every_steps);

  bool IsWatched(uint64_t step) const { return monitor_.ShouldSample(0, step); }
  // What the trainer is to show in a step that is watched. Lasts as long as the watch.
  Observer MakeObserver();
  // To be called after each step. Returns the first error since the last call.
  attnscope::Status EndStep(uint64_t step);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  attnscope::Status Feed(const LayerTensors& tensors);
  attnscope::Status FeedGradient(size_t layer, const DLTensor& gradient);
  attnscope::Status WriteReport(uint64_t step);

  attnscope::AttentionMonitor monitor_;
  attnscope::LayerConfig layer_config_;
  File records_, reports_;
  attnscope::Status status_;
};

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_TRAINING_WATCH_H_
