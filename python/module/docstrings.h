// SPDX-License-Identifier: Apache-2.0
//
// What help(attnscope.LayerAccumulator) says of the calls that add rows, which help(attnscope.AttentionMonitor) and
// help(attnscope.KeyScores) repeat; and what rows are in Python.
#ifndef ATTNSCOPE_PYTHON_MODULE_DOCSTRINGS_H_
#define ATTNSCOPE_PYTHON_MODULE_DOCSTRINGS_H_

namespace attnscope::python {

inline constexpr char kLayerAccumulatorDoc[] =
    R"(Everything that one layer's attention measured so far.

LayerAccumulator(*, heads=1, max_keys=0, max_batch=1, mean_matrix=False, tolerance_float32=1e-3,
                 tolerance_half=2e-2, saturation_bound=0.99, top_k=(5, 10, 50))

heads: of the layer. max_keys: the most keys a row may have; decides the memory, 20 bytes for each key, head and
open sequence; 0: no attention, only add_residual and add_gradient. max_batch: sequences that are open at once.
mean_matrix: first average over batch and heads, then measure that one matrix, as many training loops do; it hides a
collapsed head, and is here to compare with their old runs. tolerance_*: a row is counted as unnormalized if its sum
is off 1 by more. saturation_bound: a row of logits is saturated if its largest weight is at least this.
top_k: the top-k masses, sums of a row's k largest weights: up to 8 ascending values of k from 1 to 1024, which are called
top5 and so on. Without 5, nothing is said to be critically uniform.

Arrays are read where they lie: NumPy, PyTorch on the CPU, JAX, whatever has the buffer protocol or __dlpack__, of
float32, float16 or bfloat16, with the strides that they have; read-only arrays and tensors that require a gradient
too. Calls release the GIL, and calls of several Python threads on one accumulator wait for one another. Rows of one
sequence may come in any number of calls; end_sequence() ends it. After an exception, the state is as before the call.

add_weights, add_logits and add_queries_keys return None, or with rows=True what each row measured, in the same pass: the
dictionary of measure_rows, for this call's rows. rows=("entropy", "argmax") gives these arrays alone. In mean-matrix
mode the rows are those of the mean, [1, 1, queries], without logsumexp and max_logit.

Errors: ValueError for a size or an array that makes no sense or is beyond what the accumulator was made for,
TypeError for what is no array or an unknown keyword, MemoryError.)";

inline constexpr char kAddWeightsDoc[] =
    R"(Adds rows of post-softmax weights, [batch, heads, queries, keys] or its last three or two dimensions.

The keys of a row must be contiguous. Of what the keywords hide nothing is read. Keywords:
  causal: query i sees the first i + 1 + causal_offset keys.
  causal_offset: keys before the first query; by default keys - queries, so that the last query sees the last key.
  key_lengths, first_keys, query_lengths: for each sequence, keys from there on, keys before it, and rows from there
    on are not there: padding.
  window: query i sees the last `window` keys, its own counted; window_after: and so many behind, where not causal.
  window_kind: "sliding", or "chunked" as in Llama 4.
  segments: [0, ..., keys], where packed documents begin (cu_seqlens); a query sees its own.
  mask: booleans [batch, heads, queries, keys] or its last dimensions, any of them may be 1; False hides a key.
  key_positions: [keys] or [batch, keys], the position of each cell of a ring buffer; -1: an empty one.
  null_mass: sums below 1 are meant, as a learned sink has the rest; then null_mass is measured.
  keys_were_evicted: keys of the open sequence were removed since the last call.
  first_sequence, first_head: which sequence and head of the accumulator the first ones of this array are.
  threads: how many threads measure; 0: one for each processor. Results do not depend on it, to the last bit.
  copy: arrays that cannot be read in place (GPU, float64, transposed rows) are copied instead of refused.)";

inline constexpr char kAddLogitsDoc[] =
    R"(Adds rows of logits, the softmax's input, [batch, heads, queries, keys] or its last three or two dimensions.

Everything that their weights would have measured, and the logit metrics. Keywords: those of add_weights, and
  scale: logits are multiplied by it; by default 1.
  soft_cap: then soft_cap * tanh(logit / soft_cap), as in Gemma 2; by default none.
  bias: then added, [batch, heads, queries, keys] or its last dimensions, those but keys may be 1; bias_factors: one for
    each head that it is multiplied by (ALiBi's slopes).
  masked_below: a logit or bias that low hides its key, as -inf does; by default -1e8.
  sinks: one for each head, a learned logit that joins the softmax's denominator (gpt-oss); null_mass is its share.)";

inline constexpr char kAddQueriesKeysDoc[] =
    R"(Adds rows of queries [batch, heads, queries, head_dim] and keys [batch, kv_heads, keys, head_dim].

Their products are the logits; they are never all in memory. kv_heads divides heads: query head h attends to the keys
of head h // (heads // kv_heads). Any strides. The batch may be left out. Keywords: those of add_logits; scale is by
default 1 / sqrt(head_dim).)";

inline constexpr char kAddResidualDoc[] =
    R"(Adds one block's residual stream before and after it, [batch, tokens, channels] or [tokens, channels] each.

Each sequence of the batch is whole. Channels must be contiguous. Keyword: copy, as in add_weights.)";

inline constexpr char kAddGradientDoc[] =
    R"(Adds one contiguous gradient buffer of the layer; gradient_norm is the L2 norm over all that were added.

Keyword: copy, as in add_weights.)";

inline constexpr char kMeasureRowsDoc[] =
    R"(What each row of attention measures: a dictionary from names to arrays [batch, heads, queries].

measure_rows(weights, *, outputs=True, top_k=(5, 10, 50), **keywords)
measure_rows(*, logits, outputs=True, top_k=(5, 10, 50), **keywords)
measure_rows(*, queries, keys, outputs=True, top_k=(5, 10, 50), **keywords)

Arrays and keywords are those of LayerAccumulator's add_weights, add_logits and add_queries_keys, and the numbers are what
these add up; first_sequence and first_head mean nothing here. outputs: True for all, or the names of some:
  entropy: in nats; effective_rank: exp of it.
  max_weight, argmax: the largest weight and its key, the first of equals.
  top5, top10, top50: sums of the largest weights, or those of top_k, which is as in LayerAccumulator.
  row_sum: of the weights; with a learned sink what it leaves to the keys.
  visible_keys: how many keys the row sees.
  first_token_weight: of the sequence's first key; 0 where the row does not see it.
  self_weight, previous_weight: of the query's own key and of the one before; 0 where the row does not see that key, NaN
    where there is none.
  logsumexp, max_logit: of logits, and of queries and keys: over the keys that the row sees, without a learned sink.
argmax and visible_keys are int64, all others float64. Keys are named by key_positions, where there are any. Rows that
see no key, rows of zeros, and invalid ones (NaN, infinite or negative) are NaN, their argmax is -1, and visible_keys
tells which: 0, more, or -1 of an invalid row.

Errors: TypeError for none or more than one source, or a keyword that there is not; ValueError for a name that there is
not, or an array or a value that makes no sense; MemoryError.)";

inline constexpr char kAttentionMapsDoc[] =
    R"(Attention matrices as small maps, a list of an AttentionMap for each head: what figures of maps are drawn from.

attention_maps(weights, *, layer=0, cells=64, **keywords)
attention_maps(*, logits, layer=0, cells=64, **keywords)
attention_maps(*, queries, keys, layer=0, cells=64, **keywords)

Each cell holds the largest of the weights that it stands for, so that sinks, diagonals and single keys are seen in
matrices of any size, which are never in memory. Arrays and keywords are those of LayerAccumulator's add_weights,
add_logits and add_queries_keys; the sequences of a batch fall on one another. layer: its index in the model; heads are
counted from first_head. cells: rows and columns of a map, at most, 1 to 4096.

Errors: TypeError for none or more than one source, or a keyword that there is not; ValueError for an array or a value
that makes no sense; MemoryError.)";

inline constexpr char kKeyScoresDoc[] =
    R"(How much attention each key of a cache has received: what H2O, SnapKV and their kin evict keys by.

KeyScores(*, heads=1, groups=0, max_keys, max_batch=1, window=0, decay=1.0)

The score of key j is the sum of the weights that the rows of its sequence so far gave it. heads: query heads of the
layer. groups: neighbouring heads that share their keys, as many as the cache has kv_heads; divides heads; 0: as many as
heads. max_keys: the most keys a sequence has at once. max_batch: sequences that are open at once. window: scores of the
last so many rows alone, 1 to 65536; 0: of all. decay: what a row counts for is multiplied by it with each row that
follows, above 0 and at most 1.

add_weights, add_logits and add_queries_keys take what LayerAccumulator's calls of these names take, without rows. Keys
are counted as they stand in the arrays, and each call tells how many there are; keys beyond the ones before are new,
with scores of zero. What the cache does to its keys is told by keep, remove, clear and shift. These take
one group, or with group=None all.

Calls release the GIL, and calls of several Python threads on one object wait for one another. After an exception
everything is as before the call. Errors: ValueError for a size, an array or a key beyond what there is, TypeError,
MemoryError.)";

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_DOCSTRINGS_H_
