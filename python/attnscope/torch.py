# SPDX-License-Identifier: Apache-2.0
"""For models on PyTorch with scaled_dot_product_attention or MultiheadAttention, and none of Transformers."""

import math

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
    batch, heads, queries = (1, *query.shape)[-4:-1]
    keys = key.shape[-2]
    keywords = {"threads": threads, "copy": copy}
    if scale is not None:
        keywords["scale"] = float(scale)
    if soft_cap is not None:
        keywords["soft_cap"] = float(soft_cap)
    if is_causal:
        keywords.update(causal=True, causal_offset=0)
    if attn_mask is not None:
        keywords["bias"] = _bias(attn_mask, queries, keys)
    layer = into
    if layer is None:
        layer = _core.LayerAccumulator(heads=heads, max_keys=keys, max_batch=batch)
    layer.add_queries_keys(query, key, **keywords)
    return layer.stats()


def _bias(mask, queries, keys):
    mask = mask.detach()
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, device=mask.device).masked_fill_(~mask, -math.inf)
    return mask.expand(*mask.shape[:-2], queries, keys) if mask.ndim >= 2 else mask.expand(queries, keys)
