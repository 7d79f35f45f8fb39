// SPDX-License-Identifier: Apache-2.0
#include "generation.h"

#include <algorithm>

namespace example {

using attnscope::Status;
using attnscope::StatusCode;

Status Generation::Load(const std::string& model_path, const std::string& prompt) {
  ggml_backend_load_all();
  model_.reset(llama_model_load_from_file(model_path.c_str(), llama_model_default_params()));
  if (model_ == nullptr) return {StatusCode::kNotFound, model_path + " is no model that llama.cpp can load"};
  tokens_ = Tokenize(prompt);
  if (tokens_.empty()) return {StatusCode::kInvalidArgument, "the prompt has no tokens"};
  return {};
}

// A model without a vocabulary, as made for tests, gets the text's bytes.
std::vector<llama_token> Generation::Tokenize(const std::string& prompt) const {
  const llama_vocab* const vocab = llama_model_get_vocab(model_.get());
  std::vector<llama_token> tokens(prompt.size() + 8);
  if (llama_vocab_type(vocab) == LLAMA_VOCAB_TYPE_NONE) {
    tokens.resize(prompt.size());
    const int size = std::max(1, llama_vocab_n_tokens(vocab));
    for (size_t i = 0; i < prompt.size(); ++i) tokens[i] = static_cast<unsigned char>(prompt[i]) % size;
    return tokens;
  }
  const int32_t count =
      llama_tokenize(vocab, prompt.data(), static_cast<int32_t>(prompt.size()), tokens.data(),
                     static_cast<int32_t>(tokens.size()), /*add_special=*/true, /*parse_special=*/false);
  tokens.resize(static_cast<size_t>(std::max(count, 0)));
  return tokens;
}

Status Generation::Open(size_t more, attnscope::LlamaProbe* probe) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(tokens_.size() + more);
  params.n_batch = std::max(params.n_batch, static_cast<uint32_t>(tokens_.size()));
  probe->Attach(&params);
  probe_ = probe;
  context_.reset(llama_init_from_model(model_.get(), params));
  if (context_ == nullptr) return {StatusCode::kInvalidArgument, "llama.cpp cannot make a context for this model"};
  return {};
}

Status Generation::Compute() {
  const llama_batch batch = llama_batch_get_one(tokens_.data(), static_cast<int32_t>(tokens_.size()));
  const int32_t result = can_write() ? probe_->Decode(context_.get(), batch) : probe_->Encode(context_.get(), batch);
  if (result != 0) return {StatusCode::kInvalidArgument, "llama.cpp could not compute: " + std::to_string(result)};
  if (!can_write()) return {};
  const llama_vocab* const vocab = llama_model_get_vocab(model_.get());
  const float* const logits = llama_get_logits_ith(context_.get(), -1);
  const float* const likeliest = std::max_element(logits, logits + llama_vocab_n_tokens(vocab));
  tokens_ = {static_cast<llama_token>(likeliest - logits)};
  has_ended_ = llama_vocab_is_eog(vocab, tokens_[0]);
  return {};
}

}  // namespace example
