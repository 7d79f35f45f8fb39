# SPDX-License-Identifier: Apache-2.0
"""Hooks of modules that belong to a watch: to no copy of the module, and to no compiled graph."""

import torch


class Hook:
    """A forward hook. A copy or pickle of a model, which takes its hooks along, has one that does nothing in its place."""

    def __init__(self, function):
        self._function = torch.compiler.disable(function)

    def __call__(self, *args):
        return self._function(*args)

    def __reduce__(self):
        return _no_hook, ()


def _no_hook():
    return _nothing


def _nothing(*_):
    return None


def forget_compiled(model):
    """Has a model that torch.compile compiled be compiled anew: it does not look whether hooks have come or gone."""
    if any(hasattr(module, "_orig_mod") or module._compiled_call_impl is not None for module in model.modules()):
        torch._dynamo.reset()
