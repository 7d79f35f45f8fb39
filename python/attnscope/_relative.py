# SPDX-License-Identifier: Apache-2.0
"""Attention with T5's relative position bias, where Transformers computes it without AttentionInterface."""

import inspect
import threading

from attnscope._hooks import Hook


def is_of_its_own(module):
    """Whether a module is T5's attention, or one made after it (mT5, UMT5, Switch), and computes its weights itself."""
    parts = ("q", "k", "n_heads", "key_value_proj_dim", "layer_idx")
    if not all(hasattr(module, name) for name in parts):
        return False
    return "get_interface" not in inspect.unwrap(type(module).forward).__code__.co_names


class RelativeAttention:
    """Follows one such module: its queries, its keys, and the bias that it returns, which has the mask in it."""

    def __init__(self, module, take, refusing):
        """`take(module, query, key, bias)` is called after each forward pass; without scaling, as T5 has none.

        `refusing()` is a context that keeps errors from the model.
        """
        self._module = module
        self._take = take
        self._refusing = refusing
        self._now = threading.local()

    def attach(self):
        """The handles of its hooks."""
        return [
            self._module.q.register_forward_hook(Hook(self._keep_query)),
            self._module.k.register_forward_hook(Hook(self._keep_key)),
            self._module.register_forward_hook(Hook(self._after), with_kwargs=True),
        ]

    def _keep_query(self, _, args, output):
        self._now.query = output

    def _keep_key(self, _, args, output):
        self._now.key = output

    def _after(self, module, args, kwargs, output):
        with self._refusing():
            query, key = self._heads(self._now.query), self._keys(kwargs)
            self._now.query = self._now.key = None
            self._take(module, query, key, output[1])

    def _heads(self, projected):
        return projected.view(*projected.shape[:2], -1, self._module.key_value_proj_dim).transpose(1, 2)

    def _keys(self, kwargs):
        """All keys: those of the cache, where there is one."""
        cache = kwargs.get("past_key_values")
        if cache is None:
            return self._heads(self._now.key)
        if hasattr(cache, "cross_attention_cache"):
            is_cross = kwargs.get("key_value_states") is not None
            cache = cache.cross_attention_cache if is_cross else cache.self_attention_cache
        return cache.layers[self._module.layer_idx].keys
