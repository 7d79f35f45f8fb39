# SPDX-License-Identifier: Apache-2.0
"""What the names of modules say: which layer of which stack an attention is, and whether its keys are its model's own."""

import re

_CROSS = re.compile(r"cross|encoder_attn|EncDec", re.IGNORECASE)


def around(name):
    """Of "a.b.c": it and what is around it, "a.b.c", "a.b", "a", ""."""
    parts = name.split(".") if name else []
    return [".".join(parts[:length]) for length in range(len(parts), -1, -1)]


def place(name, models):
    """Of "model.layers.3.self_attn": the stack "model.layers.*.self_attn" and the layer 3.

    The number is the first one within the innermost of `models`: that of a list of models is none of a layer.
    """
    parts = name.split(".")
    model = next((one for one in around(name)[1:] if one in models), "")
    begin = len(model.split(".")) if model else 0
    numbers = [i for i, part in enumerate(parts) if part.isdigit()]
    number = next((i for i in numbers if i >= begin), numbers[0] if numbers else None)
    if number is None:
        return name, 0
    return ".".join([*parts[:number], "*", *parts[number + 1 :]]), int(parts[number])


def is_block(name, models):
    """Whether it is a layer itself, "model.layers.3"."""
    return place(name, models)[0].endswith("*")


def is_cross(name, module):
    """Whether an attention's keys are those of another sequence."""
    return bool(getattr(module, "is_cross_attention", False)) or _CROSS.search(name) is not None
