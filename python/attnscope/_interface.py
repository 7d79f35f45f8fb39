# SPDX-License-Identifier: Apache-2.0
"""Transformers' attention while it is watched: one wrapper around it, whatever the number and order of the watches."""

import threading

import torch
import transformers
from transformers import AttentionInterface

_lock = threading.Lock()
_watches = []
_original = None
_wrapper = None


def add(watch):
    """From now on `watch.attention` is told of each call of an attention, until `remove`. Raises ImportError."""
    global _original, _wrapper
    if not hasattr(AttentionInterface, "get_interface"):
        raise ImportError(f"transformers is {transformers.__version__}, expected 5 or later")
    with _lock:
        if not _watches:
            _original = AttentionInterface.get_interface
            _wrapper = AttentionInterface.get_interface = _wrapped(_original)
        _watches.append(watch)


def remove(watch):
    """The opposite; the last one leaves the class as it was."""
    global _original, _wrapper
    with _lock:
        _watches.remove(watch)
        if _watches:
            return
        # Where another library has wrapped it since, ours stays within theirs, and does nothing.
        if AttentionInterface.get_interface is _wrapper:
            AttentionInterface.get_interface = _original
        _original = _wrapper = None


@torch.compiler.disable
def _tell(*call):
    for watch in tuple(_watches):
        watch.attention(*call)


def _wrapped(original):
    def get_interface(self, implementation, default=None):
        function = original(self, implementation, default)

        def attention(module, query, key, value, attention_mask=None, *args, **kwargs):
            if get_interface is _wrapper:
                extra = dict(zip(("scaling", "dropout"), args), **kwargs)
                _tell(implementation, module, query, key, attention_mask, extra)
            return function(module, query, key, value, attention_mask, *args, **kwargs)

        return attention

    return get_interface
