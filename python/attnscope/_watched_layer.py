# SPDX-License-Identifier: Apache-2.0
"""What a watch knows of one attention of a model."""

import threading
import weakref

from attnscope import _core
from attnscope._visible import NotExpressible


class WatchedLayer:
    """One attention module: what it measured, and where its sequences stand."""

    def __init__(self, stack, index):
        self.stack = stack
        self.index = index
        self.accumulator = None
        self.calls = 0
        self.keys = 0  # of the last call, measured or not
        self.batch = 0
        self.thread = 0
        self.key_of_cache = None  # of a cross attention, whose keys stay
        self.is_broken = False  # another sequence began since the last call that was measured

    def counts(self, every):
        """Whether to measure this call, which is one more."""
        self.calls += 1
        return (self.calls - 1) % every == 0

    def follow(self, query, key, is_cross):
        """Notes whether the rows of this call belong to the sequences of the last one, which the same thread made."""
        batch, keys = key.shape[0], key.shape[2]
        if is_cross:
            last = self.key_of_cache() if self.key_of_cache is not None else None
            goes_on = key is last
            self.key_of_cache = weakref.ref(key)
        else:
            goes_on = batch == self.batch and keys > self.keys and query.shape[2] < keys
        thread = threading.get_ident()
        self.is_broken |= not goes_on or thread != self.thread
        self.batch, self.keys, self.thread = batch, keys, thread

    def room_for(self, heads, keys, batch):
        """The accumulator, with room for a call. Raises NotExpressible."""
        if self.accumulator is None or self.accumulator.heads != heads:
            if self.accumulator is not None:
                raise NotExpressible(f"it has {heads} heads now and had {self.accumulator.heads}")
            self.accumulator = _core.LayerAccumulator(heads=heads, max_keys=_roomy(keys), max_batch=batch)
        elif keys > self.accumulator.max_keys or batch > self.accumulator.max_batch:
            self.accumulator.reserve(max_keys=_roomy(keys), max_batch=batch)
        return self.accumulator


def _roomy(keys):
    return 1 << max(8, (keys - 1).bit_length())
