# SPDX-License-Identifier: Apache-2.0
"""What the models that run are told of their tokens: which positions are padding."""

import inspect
import threading

import torch
from transformers import PreTrainedModel

from attnscope._names import around


class _Given(threading.local):
    """In the thread that runs the models."""

    def __init__(self):
        self.padding = {}  # of models that run and were given one, by name
        self.prepared = {}  # of models that generate: what their next call was given before it became a mask of keys


class Padding:
    """Follows the models within a watched one."""

    def __init__(self, modules):
        """`modules`: their names, and they."""
        self.models = {name for name, module in modules if isinstance(module, PreTrainedModel)}
        self._encoder_decoders = {
            name for name, module in modules if name in self.models and
            getattr(module.config, "is_encoder_decoder", False) and not name.endswith(("encoder", "decoder"))
        }
        self._given = _Given()

    def of(self, name):
        """What the innermost model around a module was given: booleans [batch, positions], True for tokens, or None."""
        for one in around(name):
            if one in self._given.padding:
                return self._given.padding[one]
        return None

    def keep(self, name, module, args, kwargs):
        """The model of this name begins."""
        given = kwargs.get("attention_mask")
        if given is None and args:
            given = dict(zip(inspect.signature(module.forward).parameters, args)).get("attention_mask")
        if given is None:
            self._given.padding[name] = None
        elif torch.is_tensor(given) and given.ndim == 2:
            self._given.padding[name] = _real(given)
        else:  # of queries and keys, made from what generation, or a model around this one, was given
            self._keep_prepared(name)

    def _keep_prepared(self, name):
        is_decoder = "decoder" in name.split(".")[-1]
        for one in around(name):
            if one in self._given.prepared and (is_decoder or one not in self._encoder_decoders):
                self._given.padding[name] = self._given.prepared[one]
                return
        if is_decoder and not self._encoder_decoders.isdisjoint(around(name)):
            self._given.padding[name] = None  # that of the model is of its encoder

    def forget(self, name):
        """The model has ended, also by an error."""
        self._given.padding.pop(name, None)
        self._given.prepared.pop(name, None)

    def prepare(self, name, attention_mask, decoder_attention_mask):
        """Generation is about to call a model of these masks."""
        mask = decoder_attention_mask if name in self._encoder_decoders else attention_mask
        self._given.prepared[name] = _real(mask) if torch.is_tensor(mask) and mask.ndim == 2 else None


def _real(padding):
    return padding.detach().bool().cpu()
