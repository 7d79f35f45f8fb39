# SPDX-License-Identifier: Apache-2.0
"""What a call of Transformers' attention may see, as keywords of LayerAccumulator.add_queries_keys."""

import dataclasses
import functools
import inspect
import math

import torch

# What is read here of what models pass to their attention, and what changes nothing.
_READ = ("scaling", "dropout", "softcap", "position_bias", "s_aux", "is_causal", "sliding_window")


class NotExpressible(Exception):
    """The core has no way to say what this attention does, so it is not measured."""


@dataclasses.dataclass
class Part:
    """Rows of one sequence, or of all: slices of the queries and keys, and the keywords for them."""

    batch: slice
    queries: slice
    keys: slice
    keywords: dict


@functools.lru_cache(maxsize=256)
def options_of(function):
    """The names of an attention's parameters behind its mask, in their order."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[5:]
    except (TypeError, ValueError):  # not of Python
        return []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one.name for one in parameters if one.kind in named]


def check_options(function, extra):
    """Raises NotExpressible where a model passes something to its attention that is not known here."""
    for name in options_of(function):
        if name not in _READ and extra.get(name) is not None:
            raise NotExpressible(f"its attention takes {name!r}, which is not read")


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


@dataclasses.dataclass
class Tokens:
    """Which queries and which keys of a call are tokens, and not padding: a list of booleans for each sequence."""

    queries: list
    keys: list


def tokens_of(keywords, batch, queries, keys, padding, is_cross):
    """None where all are tokens.

    `padding`: None, or booleans [batch, positions], True for tokens, as the model was given them. The queries are the
    last positions, and so are the keys of a window's cache. Keys of a cross attention are not the model's own tokens,
    and those of a model that makes other positions of what it is given, such as frames of sound, not these: there a
    key that no query sees is padding.
    """
    if padding is not None and padding.shape[0] != batch:
        padding = None
    has_others = padding is not None and not is_cross and queries == keys != padding.shape[1]
    if has_others or is_cross:
        seen = _seen_keys(keywords, batch)
        if has_others:
            tokens = seen and Tokens(seen, seen)
        else:
            known = padding is not None and padding.shape[1] >= queries
            real = padding[:, padding.shape[1] - queries :].tolist() if known else [[True] * queries] * batch
            tokens = Tokens(real, seen or [[True] * keys] * batch)
    elif padding is None or padding.shape[1] < queries:
        tokens = None
    else:
        real = padding.tolist()
        tokens = Tokens([one[len(one) - queries :] for one in real], [one[-keys:] for one in real])
    if tokens is None or all(all(one) for one in tokens.queries + tokens.keys):
        return None
    return tokens


def _seen_keys(keywords, batch):
    """For each sequence which keys any query of any head sees; None where nothing hides one."""
    mask, bias = keywords.get("mask"), keywords.get("bias")
    if mask is None and bias is None:
        return None
    seen = mask if mask is not None else bias > max(torch.finfo(bias.dtype).min / 2, -1e8)
    return seen.flatten(1, 2).any(dim=1).expand(batch, -1).tolist()


def parts_of(keywords, keys, tokens):
    """The parts of a call without the rows and keys that are padding.

    Keys that padding begins or ends with are left out, so that key 0 is the first token; others are left to the mask.
    """
    if tokens is None:
        return [Part(slice(None), slice(None), slice(0, keys), keywords)]
    parts = []
    for sequence, (real, seen) in enumerate(zip(tokens.queries, tokens.keys)):
        first, end = (_first(seen), len(seen) - _first(seen[::-1])) if True in seen else (0, keys)
        for begin, stop in _runs(real):
            part = dict(keywords)
            for name in ("bias", "mask"):
                if name in part:
                    row = sequence if part[name].shape[0] > 1 else 0
                    rows = slice(begin, stop) if part[name].shape[2] > 1 else slice(None)
                    part[name] = part[name][row : row + 1, :, rows, first:end]
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
