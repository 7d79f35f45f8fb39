// SPDX-License-Identifier: Apache-2.0
//
// What any program on llama.cpp does: loads a model, takes a prompt, adds tokens to it one by one. The lines that are
// attnscope's are in Open (Attach), Compute (Decode) and those who call EndStep.
#ifndef ATTNSCOPE_EXAMPLES_LLAMA_CPP_GENERATION_H_
#define ATTNSCOPE_EXAMPLES_LLAMA_CPP_GENERATION_H_

#include <attnscope/llama.h>
#include <llama.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace example {

class Generation {
 public:
  // Errors: kNotFound for a file that is no model, kInvalidArgument for an empty prompt.
  attnscope::Status Load(const std::string& model_path, const std::string& prompt);
  // Makes the context for the prompt and `more` tokens, with the probe in it.
  attnscope::Status Open(size_t more, attnscope::LlamaProbe* probe);

  size_t layers() const { return static_cast<size_t>(llama_model_n_layer(model_.get())); }
  size_t heads() const { return static_cast<size_t>(llama_model_n_head(model_.get())); }
  size_t prompt_tokens() const { return tokens_.size(); }
  // Models such as BERT have no cache: they look at a text, and write none.
  bool can_write() const { return llama_get_memory(context_.get()) != nullptr; }

  // The prompt, or the token that came last; then the most likely next one is taken. Errors: llama.cpp's.
  attnscope::Status Compute();
  bool has_ended() const { return has_ended_; }

 private:
  std::vector<llama_token> Tokenize(const std::string& prompt) const;

  std::unique_ptr<llama_model, decltype(&llama_model_free)> model_{nullptr, &llama_model_free};
  std::unique_ptr<llama_context, decltype(&llama_free)> context_{nullptr, &llama_free};
  attnscope::LlamaProbe* probe_ = nullptr;
  std::vector<llama_token> tokens_;  // to be computed
  bool has_ended_ = false;
};

}  // namespace example

#endif  // ATTNSCOPE_EXAMPLES_LLAMA_CPP_GENERATION_H_
