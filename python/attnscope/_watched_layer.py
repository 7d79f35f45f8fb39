# SPDX-License-Identifier: Apache-2.0
"""What a watch knows of one attention of a model."""

import threading
import weakref

import torch

from attnscope import _core
from attnscope._visible import NotExpressible

_MARKS = 8  # keys that are compared with what was there before; one is the same in two beams at times


class WatchedLayer:
    """One attention module: what it measured, and where its sequences stand."""

    def __init__(self, stack, index):
        self.stack = stack
        self.index = index
        self.accumulator = None
        self.calls = 0
        self.is_measured = False
        self._keys = 0  # of the last call, measured or not
        self._batch = 0
        self._thread = 0
        self._marks = None  # of the last call: its last keys
        self._key_of_cache = None  # of a cross attention, whose keys stay
        # Which sequences are still those of the last call that was measured: None, True for all, or booleans where the
        # keys are, whose values nobody waits for before the next one.
        self._goes_on = None

    def counts(self, every):
        """Whether to measure this call, which is one more."""
        self.calls += 1
        return (self.calls - 1) % every == 0

    def follow(self, query, key, is_cross):
        """Notes which sequences of this call are those of the last one, made by the same thread, with rows that follow.

        These have the keys of the last call, and those of this call's queries behind them: a cache that was reordered,
        cut, or is another one, as those of a beam search and of requests in turns, has others at their place.
        """
        batch, keys, thread = key.shape[0], key.shape[2], threading.get_ident()
        same = None
        if is_cross:
            if self._key_of_cache is not None and self._key_of_cache() is key:
                same = True
            self._key_of_cache = weakref.ref(key)
        elif batch == self._batch and keys == self._keys + query.shape[2]:
            same = self._same_marks(key)
        if not is_cross:
            self._marks = key[:, :, -_MARKS:].detach().clone()
        if same is None or thread != self._thread:
            self._goes_on = None
        elif self._goes_on is True:
            self._goes_on = same
        elif self._goes_on is not None and same is not True:
            self._goes_on = self._goes_on & same
        self._batch, self._keys, self._thread = batch, keys, thread

    def _same_marks(self, key):
        """Booleans [batch] where the keys are, or None."""
        marks = self._marks
        now = key[:, :, self._keys - marks.shape[2] : self._keys].detach()
        if now.shape != marks.shape or now.dtype != marks.dtype or now.device != marks.device:
            return None
        return (now == marks).flatten(1).all(dim=1)

    def end_sequences(self):
        """Ends those that do not go on; to be called before the rows of a call are added."""
        if self._goes_on is None:
            self.accumulator.end_sequence()
        elif self._goes_on is not True:
            for sequence, goes_on in enumerate(self._goes_on.tolist()):
                if not goes_on:
                    self.accumulator.end_sequence(sequence)
        self._goes_on = True

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
