// SPDX-License-Identifier: Apache-2.0
//
// What the names of tensors and files say.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_NAME_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_NAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attnscope::tools {

// The layer in a name.
struct NamedLayer {
  int64_t layer = 0;
  bool has_word = false;  // a word of layers stands before it; else it is only the last number
  size_t first = 0;       // where its digits are in the name
  size_t size = 0;
};

// The first number after a word of layers (layer, layers, block, blocks, blk, "h." and "L", also at the end of a longer
// word), so that T5's "block.3.layer.0" is 3 and "layers.12.attn.head8" is 12; else the last number that is none of
// these: a date and the time after it, an element type ("fp16", "e4m3"), dimensions ("2d"), the number of a step,
// epoch, head, batch, rank or the like, sizes ("len512", "16x16", "7b"), models ("gpt2"), 10^9 and more. Nothing if
// there is none.
std::optional<NamedLayer> LayerInName(std::string_view name);

// The numbers of a name that might be its layer as well where no word says which one is: 0 in "img0_attn3".
std::vector<int64_t> OtherNumbersIn(std::string_view name);

// The number after the word head in a name: 8 in "layers.12.attn.head8", or 3 in "L12H3". Nothing if
// there is none.
std::optional<int64_t> HeadInName(std::string_view name);

// A name without its layer: what two tensors of one layer share if they are further sequences of one kind of attention.
// Other numbers become '#', but for those of further layers ("layers.0.blocks.1", "block.0.1"), of kinds of attention
// ("attn1") and of places in a model ("stages.1", "tp_rank_1").
std::string NameWithoutLayer(std::string_view name, const std::optional<NamedLayer>& layer);

// The words of a name in small letters: "L3_hiddenIn" has "l", "hidden" and "in".
std::vector<std::string> WordsOf(std::string_view name);

// Whether a shell pattern (*, ?, [...]) matches the whole name; '/' and '.' are like any other character.
bool MatchesAny(const std::string& name, std::span<const std::string> globs);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_TENSOR_NAME_H_
