// SPDX-License-Identifier: Apache-2.0
#include "trainer.h"

#include <ATen/DLConvertor.h>
#include <torch/torch.h>

#include <algorithm>

#include "model.h"

namespace example {
namespace {

constexpr int64_t kValidationBatch = 16;
constexpr double kMostGradientNorm = 1.0;

// A tensor as DLPack sees it: shares its memory.
class Shown {
 public:
  explicit Shown(const torch::Tensor& tensor) : managed_(at::toDLPack(tensor.detach())) {}
  ~Shown() { managed_->deleter(managed_); }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
  const DLTensor* get() const { return &managed_->dl_tensor; }

 private:
  DLManagedTensor* managed_;
};

ModelShape Shape() {
  ModelShape shape;
  shape.layers = static_cast<int64_t>(kLayers);
  shape.heads = static_cast<int64_t>(kHeads);
  shape.context = static_cast<int64_t>(kContext);
  return shape;
}

// Sequences of `bytes` that begin at `starts`, [batch, context + 1]: each token's next one is the token to be told.
torch::Tensor Sequences(const torch::Tensor& bytes, const torch::Tensor& starts) {
  const torch::Tensor offsets = torch::arange(static_cast<int64_t>(kContext) + 1);
  return bytes.index({starts.unsqueeze(1) + offsets}).to(torch::kLong);
}

torch::Tensor CrossEntropy(const torch::Tensor& logits, const torch::Tensor& next) {
  return torch::nn::functional::cross_entropy(logits.reshape({-1, logits.size(2)}), next.reshape({-1}));
}

}  // namespace

struct Trainer::State {
  State(const Recipe& chosen, const std::string& text)
      : recipe(chosen), model(Shape()), optimizer(model->parameters(), torch::optim::AdamWOptions(0.0)) {
    // Every tenth kilobyte is for validation.
    const int64_t tens = static_cast<int64_t>(text.size()) / 10240;
    const torch::Tensor bytes = torch::empty({tens, 10, 1024}, torch::kByte);
    std::copy_n(text.begin(), bytes.numel(), static_cast<char*>(bytes.data_ptr()));
    training = bytes.narrow(1, 0, 9).reshape({-1});
    validation = bytes.select(1, 9).reshape({-1});
  }

  bool IsIll() const { return step >= recipe.onset; }
  void SetLearningRate();
  void Damage();
  void ShowGradients(const Observer& observer);

  Recipe recipe;
  Decoder model;
  torch::optim::AdamW optimizer;
  torch::Tensor training, validation;  // bytes
  uint64_t step = 0;
};

void Trainer::State::SetLearningRate() {
  const double warmth =
      recipe.warm_up == 0 ? 1.0 : std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(recipe.warm_up));
  for (torch::optim::OptimizerParamGroup& group : optimizer.param_groups()) {
    static_cast<torch::optim::AdamWOptions&>(group.options()).lr(recipe.learning_rate * warmth);
  }
}

// What the recipe does to the weights beside training.
void Trainer::State::Damage() {
  const torch::NoGradGuard guard;
  for (const Block& block : model->blocks) {
    block->query->weight.mul_(1.0 + recipe.query_key_growth);
    block->key->weight.mul_(1.0 + recipe.query_key_growth);
  }
  const Block& dying = model->blocks[recipe.dying_layer];
  dying->output->weight.mul_(1.0 - recipe.output_decay);
  dying->down->weight.mul_(1.0 - recipe.output_decay);
}

void Trainer::State::ShowGradients(const Observer& observer) {
  for (size_t layer = 0; layer < model->blocks.size(); ++layer) {
    for (const torch::Tensor& parameter : model->blocks[layer]->parameters()) {
      observer.show_gradient(layer, *Shown(parameter.grad()).get());
    }
  }
}

Trainer::Trainer(const Recipe& recipe, const std::string& text, uint64_t seed) {
  torch::manual_seed(seed);
  state_ = std::make_unique<State>(recipe, text);
}

Trainer::~Trainer() = default;

double Trainer::Step(const Observer& observer) {
  State& state = *state_;
  const int64_t context = static_cast<int64_t>(kContext);
  const torch::Tensor starts =
      torch::randint(state.training.size(0) - context, {static_cast<int64_t>(kBatch)}, torch::kLong);
  const torch::Tensor sequences = Sequences(state.training, starts);

  const auto show = [&](size_t layer, const BlockTensors& tensors) {
    const Shown queries(tensors.queries), keys(tensors.keys), before(tensors.before), after(tensors.after);
    if (observer.show) observer.show({layer, queries.get(), keys.get(), before.get(), after.get()});
  };
  const bool pulled = state.IsIll() && state.recipe.pull_to_first_key > 0.0;
  torch::Tensor first_key_loss = torch::zeros({});
  const torch::Tensor logits =
      state.model->Forward(sequences.narrow(1, 0, context), show, pulled ? &first_key_loss : nullptr);
  const torch::Tensor loss = CrossEntropy(logits, sequences.narrow(1, 1, context));
  state.optimizer.zero_grad();
  (pulled ? loss + state.recipe.pull_to_first_key * first_key_loss : loss).backward();
  if (observer.show_gradient) state.ShowGradients(observer);

  torch::nn::utils::clip_grad_norm_(state.model->parameters(), kMostGradientNorm);
  state.SetLearningRate();
  state.optimizer.step();
  if (state.IsIll()) state.Damage();
  ++state.step;
  return loss.item<double>();
}

double Trainer::ValidationLoss() {
  const torch::NoGradGuard guard;
  const int64_t context = static_cast<int64_t>(kContext);
  const int64_t apart = (state_->validation.size(0) - context) / kValidationBatch;
  const torch::Tensor sequences = Sequences(state_->validation, torch::arange(kValidationBatch) * apart);
  const torch::Tensor logits = state_->model->Forward(sequences.narrow(1, 0, context));
  return CrossEntropy(logits, sequences.narrow(1, 1, context)).item<double>();
}

}  // namespace example
