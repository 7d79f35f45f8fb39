# SPDX-License-Identifier: Apache-2.0
"""Transformers' attention while it is watched: one wrapper around it, whatever the number and order of the watches.

So is what prepares the inputs of generation: where a cache is allocated ahead it makes the mask of padding one of queries
and keys, of which the padding could not be told any more.
"""

import inspect
import threading

import torch
import transformers
from transformers import AttentionInterface, GenerationMixin

from attnscope._visible import options_of

_lock = threading.Lock()
_watches = []
_wrappers = []


class _Wrapper:
    """What stands in the place of a method of a class, until it is removed."""

    def __init__(self, owner, name, wrapped):
        self._owner, self._name = owner, name
        self._original = getattr(owner, name)
        self.is_on = True
        self._function = wrapped(self, self._original)
        setattr(owner, name, self._function)

    def remove(self):
        self.is_on = False
        # Where another library has wrapped it since, ours stays within theirs, and does nothing.
        if getattr(self._owner, self._name) is self._function:
            setattr(self._owner, self._name, self._original)


def add(watch):
    """From now on `watch.attention` is told of each call of an attention, until `remove`. Raises ImportError."""
    if not hasattr(AttentionInterface, "get_interface"):
        raise ImportError(f"transformers is {transformers.__version__}, expected 5 or later")
    with _lock:
        if not _watches:
            _wrappers.append(_Wrapper(AttentionInterface, "get_interface", _attention))
            _wrappers.append(_Wrapper(GenerationMixin, "prepare_inputs_for_generation", _generation))
        _watches.append(watch)


def remove(watch):
    """The opposite; the last one leaves the classes as they were."""
    with _lock:
        _watches.remove(watch)
        while _wrappers and not _watches:
            _wrappers.pop().remove()


@torch.compiler.disable
def _tell(function, implementation, module, query, key, mask, args, kwargs):
    extra = dict(zip(options_of(function), args), **kwargs) if args else kwargs
    for watch in tuple(_watches):
        watch.attention(function, implementation, module, query, key, mask, extra)


def _attention(wrapper, original):
    def get_interface(self, implementation, default=None):
        function = original(self, implementation, default)

        def attention(module, query, key, value, attention_mask=None, *args, **kwargs):
            if wrapper.is_on:
                _tell(function, implementation, module, query, key, attention_mask, args, kwargs)
            return function(module, query, key, value, attention_mask, *args, **kwargs)

        return attention

    return get_interface


def _generation(wrapper, original):
    names = list(inspect.signature(original).parameters)

    def prepare_inputs_for_generation(*args, **kwargs):
        if wrapper.is_on:
            given = dict(zip(names, args), **kwargs)
            for watch in tuple(_watches):
                watch.prepared(given.get("self"), given.get("attention_mask"), given.get("decoder_attention_mask"))
        return original(*args, **kwargs)

    return prepare_inputs_for_generation
