// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/row_options.h"

namespace attnscope::tools {
namespace {

void AddRangeOptions(CommandLine* line, RowOptions* options) {
  line->AddFlag("--causal", &options->causal, "Ignore the keys behind each query; the last query sees the last key");
  line->AddOption("--causal-offset", &options->causal_offset,
                  "Query i stands at key i + N. Default: keys - queries, so that the last query stands at\n"
                  "the last key; with 0, the first query at the first key")
      .WholeNumber()
      .Placeholder("N");
  line->AddOption("--window", &options->windows,
                  "Queries see the last N keys, their own included (sliding windows), 0 for all. With\n"
                  "layers before it: 0,2,4:1024, 0-11:512 or, of every second from layer 1 on, 1/2:128.\n"
                  "May be repeated, the last one that has a layer counts. Without --window-after,\n"
                  "attention is then causal")
      .OneForEachMention()
      .Placeholder("[LAYERS:]N");
  line->AddOption("--window-after", &options->window_after,
                  "In layers with --window: and the N keys behind their own (two-sided windows)")
      .Between(size_t{0}, size_t{1} << 40)
      .Placeholder("N");
  line->AddOption("--chunked", &options->chunks,
                  "Queries see keys from the last multiple of N on (chunked attention); as --window")
      .OneForEachMention()
      .Placeholder("[LAYERS:]N");
}

void AddLengthOptions(CommandLine* line, RowOptions* options) {
  constexpr const char* kLengths = "N,N,...|FILE.npy";
  line->AddOption("--key-lengths", &options->key_lengths,
                  "Keys of each sequence of a layer, in the order of its files: those behind are padding")
      .NotEmpty()
      .Placeholder(kLengths);
  line->AddOption("--first-keys", &options->first_keys, "The same for padding on the left: keys before are padding")
      .NotEmpty()
      .Placeholder(kLengths);
  line->AddOption("--query-lengths", &options->query_lengths,
                  "Queries of each sequence: the rows behind are masked. Default: where queries are as\n"
                  "many as keys, those that are no padding by the two options above; else all")
      .NotEmpty()
      .Placeholder(kLengths);
  line->AddOption("--segments", &options->segments,
                  "Packed documents: their borders [0, ..., n] (cu_seqlens). Queries see their own")
      .NotEmpty()
      .Placeholder("FILE.npy");
  line->AddOption("--mask", &options->mask,
                  "What is broadcast to [batch, heads, queries, keys]: bool or whole numbers (not 0: is\n"
                  "seen), or floats that are added to logits, of which --masked-below hides keys")
      .NotEmpty()
      .Placeholder("FILE.npy");
}

}  // namespace

void AddRowOptions(CommandLine* line, RowOptions* options) {
  AddRangeOptions(line, options);
  AddLengthOptions(line, options);
  line->AddOption("--masked-below", &options->masked_below,
                  "Logits, and numbers of --mask, at or below X are masks. Default: -1e8; -inf: only -inf is")
      .Placeholder("X");
  line->AddOption("--sinks", &options->sinks,
                  "Learned sinks, logits [heads] or [layers, heads] that take a share of each row's softmax.\n"
                  "For weights it is --null-mass")
      .NotEmpty()
      .Placeholder("FILE.npy");
  line->AddFlag("--null-mass", &options->null_mass,
                "Rows of weights are meant to sum to less than 1, as a learned sink has the rest");
}

}  // namespace attnscope::tools
