# SPDX-License-Identifier: Apache-2.0
"""What a call of Transformers' attention may see, as keywords of LayerAccumulator.add_queries_keys."""

import dataclasses
import math

import torch


class NotExpressible(Exception):
    """The core has no way to say what this attention does, so it is not measured."""


@dataclasses.dataclass
class Part:
    """Rows of one sequence, or of all: slices of the queries and keys, and the keywords for them."""

    batch: slice
    queries: slice
    keys: slice
    keywords: dict


def keywords_of(implementation, module, query, key, mask, extra):
    """The keywords for a whole call, and how many of its keys take part.

    `extra` is what else the model passes to its attention. Raises NotExpressible.
    """
    mask = _dense(mask, key) if implementation == "flex_attention" else mask
    _refuse(implementation, mask)
    scale = extra.get("scaling")
    keywords = {"scale": query.shape[-1] ** -0.5 if scale is None else float(scale)}
    if extra.get("softcap") is not None:
        keywords["soft_cap"] = float(extra["softcap"])
    keys = key.shape[2]
    if mask is None and implementation == "sdpa":
        is_causal = extra.get("is_causal")
        is_causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
        if is_causal and query.shape[2] > 1:
            # As torch's own: the first query sees the first key, and the rest of a static cache is not there yet.
            keys = min(keys, query.shape[2])
            keywords.update(causal=True, causal_offset=0)
    bias = extra.get("position_bias")
    bias = None if bias is None else bias.detach()[..., :keys]
    if mask is not None and mask.dtype == torch.bool:
        keywords["mask"] = mask[..., :keys]
    elif mask is not None:
        # The lowest number of its type, which hides a key, is also that where something is added to it.
        added = mask.detach()[..., :keys]
        bias = added if bias is None else (added.float() + bias.float()).masked_fill(_is_lowest(added), -math.inf)
    if bias is not None:
        keywords["bias"] = bias if bias.stride(-1) == 1 else bias.contiguous()
    if extra.get("s_aux") is not None:
        keywords["sinks"] = extra["s_aux"].detach().float().cpu()
    return keywords, keys


def _dense(mask, key):
    """The mask of flex attention, a function of indices, as booleans [batch or 1, heads or 1, queries, keys]."""
    if not hasattr(mask, "mask_mod"):
        return mask
    from torch.nn.attention.flex_attention import create_mask

    batch, heads, queries, keys = mask.shape
    return create_mask(mask.mask_mod, batch, heads, queries, min(keys, key.shape[2]), device=key.device)


def _is_lowest(mask):
    return mask <= max(torch.finfo(mask.dtype).min, torch.finfo(torch.float32).min) / 2


def _refuse(implementation, mask):
    if implementation not in ("eager", "sdpa", "flex_attention"):
        raise NotExpressible(
            f"its implementation is {implementation}, whose masks are not read: load the model with "
            "attn_implementation='sdpa', 'eager' or 'flex_attention'"
        )
    if mask is not None and not (torch.is_tensor(mask) and mask.ndim == 4):
        raise NotExpressible(f"its mask is {type(mask).__name__}, expected a tensor of 4 dimensions")


def parts_of(keywords, batch, queries, keys, padding, is_cross):
    """The parts of a call without the rows and keys that are padding.

    `padding`: None, or booleans [batch, positions], True for tokens, as the model was given them; the queries are the
    last positions, and so are the keys of a window's cache. Keys that padding begins or ends with are left out, so that
    key 0 is the first token; of a cross attention the keys are not the model's own tokens, and the mask hides them.
    """
    if padding is None or padding.shape[0] != batch or padding.shape[1] < queries or bool(padding.all()):
        return [Part(slice(None), slice(None), slice(0, keys), keywords)]
    parts = []
    for sequence, real in enumerate(padding.tolist()):
        seen = [True] * keys if is_cross else real[-keys:]
        first, end = _first(seen), len(seen) - _first(seen[::-1])
        for begin, stop in _runs(real[len(real) - queries :]):
            part = dict(keywords)
            for name in ("bias", "mask"):
                if name in part:
                    row = sequence if part[name].shape[0] > 1 else 0
                    part[name] = part[name][row : row + 1, :, begin:stop, first:end]
            if part.get("causal"):
                part["causal_offset"] = part["causal_offset"] + begin - first
            parts.append(Part(slice(sequence, sequence + 1), slice(begin, stop), slice(first, end), part))
    return parts


def _first(real):
    return real.index(True) if True in real else len(real)


def _runs(real):
    """Where there are tokens, as pairs of begin and end."""
    runs, begin = [], None
    for position, is_token in enumerate([*real, False]):
        if is_token and begin is None:
            begin = position
        elif not is_token and begin is not None:
            runs.append((begin, position))
            begin = None
    return runs
