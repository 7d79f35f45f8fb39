# SPDX-License-Identifier: Apache-2.0
"""For models on PyTorch with scaled_dot_product_attention or MultiheadAttention, and none of Transformers."""

import torch

from attnscope import _core

__all__ = ["probe"]


def probe(query, key, *, attn_mask=None, is_causal=False, scale=None, soft_cap=None, into=None, threads=1, copy=False):
    """Measures attention by its queries and keys, beside `scaled_dot_product_attention`, whose arguments it takes.

    query: [batch, heads, queries, head_dim], key: [batch, kv_heads, keys, head_dim], the batch may be left out; attn_mask:
    booleans, True where a key is seen, or numbers that are added to the logits, of a shape that broadcasts to [batch,
    heads, queries, keys]; is_causal: query i sees the keys 0 to i, as PyTorch has it; scale: 1 / sqrt(head_dim) unless
    given; soft_cap as in Gemma 2. into: a LayerAccumulator to add to; its sequences stay open until end_sequence().
    threads and copy are those of LayerAccumulator.add_queries_keys.

    Returns the LayerStats of this call, or of `into`. Raises ValueError, TypeError.
    """
    if query.ndim not in (3, 4) or key.ndim != query.ndim:
        raise ValueError(f"query has shape {list(query.shape)}, key {list(key.shape)}, expected 3 or 4 dimensions of both")
    batch, heads = (1, *query.shape)[-4:-2]
    keys = key.shape[-2]
    keywords = {"threads": threads, "copy": copy}
    if scale is not None:
        keywords["scale"] = float(scale)
    if soft_cap is not None:
        keywords["soft_cap"] = float(soft_cap)
    if is_causal:
        keywords.update(causal=True, causal_offset=0)
    if attn_mask is not None:
        keywords.update(_mask(attn_mask, keys))
    if into is not None and not isinstance(into, _core.LayerAccumulator):
        raise TypeError(f"into is of type {type(into).__name__}, expected a LayerAccumulator")
    layer = into
    if layer is None:
        layer = _core.LayerAccumulator(heads=heads, max_keys=keys, max_batch=batch)
    layer.add_queries_keys(query, key, **keywords)
    return layer.stats()


def _mask(mask, keys):
    if not torch.is_tensor(mask):
        raise TypeError(f"attn_mask is of type {type(mask).__name__}, expected a tensor")
    if mask.dtype == torch.bool:
        return {"mask": mask.view(torch.uint8)}  # whose memory every version lends
    if not mask.is_floating_point():
        raise TypeError(f"attn_mask has dtype {mask.dtype}, expected booleans, or numbers of a floating type")
    bias = mask.detach()
    if bias.ndim and bias.shape[-1] == 1:
        bias = bias.expand(*bias.shape[:-1], keys)
    return {"bias": bias if bias.ndim == 0 or bias.stride(-1) == 1 else bias.contiguous()}
