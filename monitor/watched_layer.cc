// SPDX-License-Identifier: Apache-2.0
#include "monitor/watched_layer.h"

#include <cmath>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "kernels/accumulator/state_layout.h"

namespace attnscope {

class WatchedLayer::Hold {
 public:
  explicit Hold(const WatchedLayer& layer) : layer_(layer) {
    layer_.held_.store(true, std::memory_order_relaxed);
    for (size_t i = 0; i < layer_.num_lanes_; ++i) {
      while (layer_.lanes_[i].busy.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
    }
  }
  ~Hold() {
    layer_.held_.store(false, std::memory_order_relaxed);
    for (size_t i = 0; i < layer_.num_lanes_; ++i) layer_.lanes_[i].busy.store(false, std::memory_order_release);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  const WatchedLayer& layer_;
};

Status WatchedLayer::Create(const LayerConfig& config, size_t lanes) {
  std::unique_ptr<Lane[]> created(new (std::nothrow) Lane[lanes]);
  if (created == nullptr) return {StatusCode::kOutOfMemory, "no memory for " + std::to_string(lanes) + " lanes"};
  for (size_t i = 0; i < lanes; ++i) {
    if (Status status = LayerAccumulator::Create(config, &created[i].accumulator); !status.ok()) return status;
  }
  lanes_ = std::move(created);
  num_lanes_ = lanes;
  return {};
}

void WatchedLayer::Gather() {
  for (size_t i = 1; i < num_lanes_; ++i) {
    if (lanes_[i].samples == 0) continue;
    // The configurations are the same, so there is nothing to fail.
    (void)lanes_[0].accumulator.Merge(lanes_[i].accumulator);
    lanes_[i].accumulator.Reset();
    lanes_[0].samples += std::exchange(lanes_[i].samples, 0);
  }
}

Status WatchedLayer::Reserve(const Runner& runner) {
  const Hold hold(*this);
  for (size_t i = 0; i < num_lanes_; ++i) {
    if (Status status = lanes_[i].accumulator.Reserve(runner); !status.ok()) return status;
  }
  return {};
}

Status WatchedLayer::EndSequence(size_t sequence) {
  const Hold hold(*this);
  Gather();
  return lanes_[0].accumulator.EndSequence(sequence);
}

double WatchedLayer::StepNorm() const {
  double squares = 0.0;
  for (size_t i = 0; i < num_lanes_; ++i) squares += lanes_[i].step_squares;
  // A small step behind a large one may round to less than nothing; NaN stays.
  return squares < 0.0 ? 0.0 : std::sqrt(squares);
}

double WatchedLayer::MeanNorm() const {
  const bool is_open = has_gradient_.load(std::memory_order_acquire);
  const uint64_t steps = gradient_steps_ + (is_open ? 1 : 0);
  if (steps == 0) return std::nan("");
  return (gradient_norms_ + (is_open ? StepNorm() : 0.0)) / static_cast<double>(steps);
}

void WatchedLayer::FoldGradient() {
  if (!has_gradient_.exchange(false, std::memory_order_acquire)) return;
  gradient_norms_ += StepNorm();
  ++gradient_steps_;
  for (size_t i = 0; i < num_lanes_; ++i) lanes_[i].step_squares = 0.0;
}

void WatchedLayer::EndStep() {
  if (!has_gradient_.load(std::memory_order_relaxed)) return;
  const Hold hold(*this);
  FoldGradient();
}

WatchedLayer::Window WatchedLayer::Take() {
  const Hold hold(*this);
  FoldGradient();
  Gather();
  Window window;
  window.samples = std::exchange(lanes_[0].samples, 0);
  window.late = late_.exchange(0, std::memory_order_relaxed);
  window.refused = refused_.exchange(0, std::memory_order_relaxed);
  window.left_out_rows = left_out_rows_.exchange(0, std::memory_order_relaxed);
  if (window.samples == 0) return window;
  // The next window begins without this one, also where there is no memory for what it measured.
  struct Forget {
    ~Forget() {
      layer.gradient_norms_ = 0.0;
      layer.gradient_steps_ = 0;
      layer.lanes_[0].accumulator.Reset();
    }
    WatchedLayer& layer;
  };
  const Forget forget{*this};
  lanes_[0].accumulator.EndSequence();
  window.stats = lanes_[0].accumulator.Stats();
  if (gradient_steps_ > 0) SetGradientNorm(MeanNorm(), &window.stats.layer);
  return window;
}

Status WatchedLayer::MergeInto(LayerAccumulator* out) const {
  const Hold hold(*this);
  const double squares = out->gradient_squares();
  for (size_t i = 0; i < num_lanes_; ++i) {
    if (Status status = out->Merge(lanes_[i].accumulator); !status.ok()) return status;
  }
  // The lanes have added the squares of all steps.
  const double norm = MeanNorm();
  if (gradient_steps_ > 0 || has_gradient_.load(std::memory_order_relaxed)) {
    out->sums()[static_cast<size_t>(LayerSum::kGradientSquares)] = squares + norm * norm;
  }
  return {};
}

}  // namespace attnscope
