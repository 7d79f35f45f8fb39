// SPDX-License-Identifier: Apache-2.0
//
// KeyScores as Python has them: safe from any number of its threads.
#ifndef ATTNSCOPE_PYTHON_MODULE_KEY_SCORES_H_
#define ATTNSCOPE_PYTHON_MODULE_KEY_SCORES_H_

#include <memory>
#include <mutex>

#include "attnscope/key_scores.h"
#include "python/module/calls.h"
#include "python/module/errors.h"

namespace attnscope::python {

// Scores, and what calls on them hold: accumulators that they are attached to share both.
struct SharedScores {
  KeyScores scores;
  std::mutex mutex;
};

// Calls on one object wait for one another, without the GIL.
class Scores final : public AttentionSink {
 public:
  explicit Scores(const KeyScoresConfig& config) : shared_(std::make_shared<SharedScores>()) {
    Check(KeyScores::Create(config, &shared_->scores));
  }

  // call(scores), alone.
  template <typename Call>
  auto Locked(const Call& call) {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    return call(shared_->scores);
  }

  Status AddWeights(const AttentionView& weights, const Mask& mask, const Runner& runner) override {
    return Locked([&](KeyScores& scores) { return scores.AddWeights(weights, mask, runner); });
  }
  Status AddLogits(const AttentionView& logits, const SoftmaxParams& params, const Runner& runner) override {
    return Locked([&](KeyScores& scores) { return scores.AddLogits(logits, params, runner); });
  }
  Status AddQueriesKeys(const QueryKeyView& view, const SoftmaxParams& params, const Runner& runner) override {
    return Locked([&](KeyScores& scores) { return scores.AddQueriesKeys(view, params, runner); });
  }

  KeyScoresConfig config() const { return shared_->scores.config(); }  // which nothing changes

  const std::shared_ptr<SharedScores>& shared() const { return shared_; }

 private:
  std::shared_ptr<SharedScores> shared_;
};

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_KEY_SCORES_H_
