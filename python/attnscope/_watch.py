# SPDX-License-Identifier: Apache-2.0
"""The hook for models of Hugging Face Transformers."""

import contextlib
import inspect
import re
import threading
import warnings

import torch

from attnscope._hooks import Hook, forget_compiled
from attnscope._relative import RelativeAttention, is_of_its_own
from attnscope._report import Report
from attnscope._visible import NotExpressible, keywords_of, parts_of
from attnscope._watched_layer import WatchedLayer

_CROSS = re.compile(r"cross|encoder_attn|EncDec", re.IGNORECASE)
_FIRST_NUMBER = re.compile(r"(^|\.)(\d+)(\.|$)")


def watch(model, *, every=16, threads=1, copy=False, residuals=True, only_training=False):
    """Measures a model of Hugging Face Transformers while it runs.

        with attnscope.watch(model, every=16) as watch:
            ...                                # training steps, forward passes, model.generate(...)
        print(watch.report().diagnose())

    The model keeps its attention (sdpa, eager or flex), and its numbers do not change. Of every `every`-th call of each
    attention, queries and keys are read where they lie, with the model's mask, scaling, soft cap and position bias;
    tokens that are padding are left out. residuals: also how much each block changes the residual stream. threads: that
    measure. copy: for models on a GPU, whose queries and keys are copied to the CPU a layer at a time; without it they
    are refused. only_training: what runs while `model.training` is False, such as evaluations between steps, does not
    count. What cannot be measured as the model does it is not measured: `not_measured` says what and why.

    Raises ImportError where Transformers is not installed or too old, TypeError for what is no torch.nn.Module,
    ValueError for a model that is not on the CPU.
    """
    return Watch(model, every=every, threads=threads, copy=copy, residuals=residuals, only_training=only_training)


class _Running(threading.local):
    """Where the model stands in a thread that runs it."""

    def __init__(self):
        self.padding = {}  # of modules that were given one, by name
        self.inputs = {}  # of blocks that run now
        self.touched = []  # layers, and whether this call of theirs counts, in the block that runs now


class Watch:
    """What `attnscope.watch` returns: a context manager, and afterwards what was measured."""

    def __init__(self, model, *, every, threads, copy, residuals, only_training):
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model is of type {type(model).__name__}, expected a torch.nn.Module")
        if not (isinstance(every, int) and every >= 1):
            raise ValueError(f"every is {every!r}, expected a whole number >= 1")
        if not (isinstance(threads, int) and threads >= 0):
            raise ValueError(f"threads is {threads!r}, expected a whole number >= 0")
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        if device.type != "cpu" and not copy:
            raise ValueError(f"model is on {device}: pass copy=True to have queries and keys copied to the CPU")
        self.not_measured = {}
        self._model = model
        self._every = every
        self._threads = threads
        self._copy = copy
        self._residuals = residuals
        self._only_training = only_training
        self._names = {id(module): name for name, module in model.named_modules()}
        self._layers = {}
        self._running = _Running()
        self._lock = threading.Lock()
        self._handles = []
        self._is_on = False

    # What was measured.

    def report(self, stack=None, *, epoch=None, step=None, stage=""):
        """The report of a stack of layers; a model with one, such as a language model, needs no name.

        Raises RuntimeError if nothing was measured, LookupError for a stack that is not there or for several.
        """
        reports = self.reports(epoch=epoch, step=step, stage=stage)
        if not reports:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.not_measured.items())
            raise RuntimeError(
                "no attention was measured: "
                + (reasons or "the model has not run, or does not use Transformers' AttentionInterface")
            )
        if stack is None and len(reports) == 1:
            return next(iter(reports.values()))
        if stack not in reports:
            raise LookupError(f"stack is {stack!r}, expected one of {', '.join(map(repr, reports))}")
        return reports[stack]

    def reports(self, **moment):
        """Every stack's report, by the names of its modules with * for the layer: "model.layers.*.self_attn"."""
        stacks = {}
        for layer in self._layers.values():
            if layer.accumulator is not None:
                stacks.setdefault(layer.stack, {})[layer.index] = layer.accumulator
        return {stack: Report(layers, **moment) for stack, layers in stacks.items()}

    def reset(self):
        """Forgets what was measured: the next report is of what runs from now on."""
        self._layers.clear()
        self.not_measured.clear()

    # While the model runs.

    def __enter__(self):
        try:
            from attnscope import _interface
        except ImportError as error:
            raise ImportError("attnscope.watch needs transformers, 5 or later") from error
        if self._is_on:
            raise RuntimeError("this watch is on already")
        _interface.add(self)
        self._is_on = True
        try:
            self._attach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _attach(self):
        forget_compiled(self._model)
        for name, module in self._model.named_modules():
            if _is_block(name) and self._residuals:
                self._hook(module, before=self._before_block(name), after=self._after_block(name))
            elif _takes_masks(module):
                self._hook(module, before=self._keep_padding(name))
            elif is_of_its_own(module):
                self._handles += RelativeAttention(module, self._relative_attention).attach()

    def __exit__(self, *_):
        if not self._is_on:
            return
        from attnscope import _interface

        _interface.remove(self)
        self._is_on = False
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._running = _Running()
        forget_compiled(self._model)

    def _hook(self, module, *, before, after=None):
        self._handles.append(module.register_forward_pre_hook(Hook(before), with_kwargs=True))
        if after is not None:
            self._handles.append(module.register_forward_hook(Hook(after), with_kwargs=True))

    def attention(self, implementation, module, query, key, mask, extra):
        """Measures one call of an attention of the model; others are none of its business."""
        name = self._names.get(id(module))
        if name is None or not self._is_on or (self._only_training and not self._model.training):
            return
        # Gradient checkpoints run the forward pass a second time, within the backward pass.
        if torch._C._current_graph_task_id() != -1:
            return
        with self._lock:
            layer = self._layers.setdefault(name, WatchedLayer(*_place(name)))
            counts = layer.counts(self._every)
            layer.follow(query, key, _is_cross(name, module))
            self._running.touched.append((layer, counts))
            if counts:
                with self._refusing(name):
                    self._measure(layer, implementation, module, query, key, mask, extra, name)

    def _relative_attention(self, module, query, key, bias):
        self.attention("eager", module, query, key, bias, {"scaling": 1.0})

    @contextlib.contextmanager
    def _refusing(self, name):
        """Whatever goes wrong with measuring must not end the training or the service that is measured."""
        try:
            yield
        except Exception as error:
            is_ours = isinstance(error, (NotExpressible, ValueError))
            reason = str(error) if is_ours else f"{type(error).__name__}: {error}"
            if name not in self.not_measured:
                warnings.warn(f"attnscope does not measure {name}: {reason}", stacklevel=2)
            self.not_measured[name] = reason

    def _measure(self, layer, implementation, module, query, key, mask, extra, name):
        keywords, keys = keywords_of(implementation, module, query, key, mask, extra)
        batch, heads, queries, _ = query.shape
        accumulator = layer.room_for(heads, keys, batch)
        if layer.is_broken:
            accumulator.end_sequence()
            layer.is_broken = False
        padding = self._padding_of(name)
        for part in parts_of(keywords, batch, queries, keys, padding, _is_cross(name, module)):
            accumulator.add_queries_keys(
                query[part.batch, :, part.queries],
                key[part.batch, :, part.keys],
                first_sequence=part.batch.start or 0,
                threads=self._threads,
                copy=self._copy or query.dtype == torch.float64,
                **part.keywords,
            )

    # Padding: what the model was told about its tokens.

    def _keep_padding(self, name):
        def hook(module, args, kwargs):
            given = kwargs.get("attention_mask")
            if given is None and args:
                given = inspect.signature(module.forward).bind_partial(*args).arguments.get("attention_mask")
            if given is None:
                self._running.padding[name] = None
            elif torch.is_tensor(given) and given.ndim == 2:
                self._running.padding[name] = given.detach().bool().cpu()
            else:  # made from what a module around it was given
                self._running.padding.pop(name, None)
        return hook

    def _padding_of(self, name):
        """Of the innermost module around the attention that was asked for it."""
        parts = name.split(".")
        for length in range(len(parts), -1, -1):
            around = ".".join(parts[:length])
            if around in self._running.padding:
                return self._running.padding[around]
        return None

    # Residual streams: the input and output of blocks.

    def _before_block(self, name):
        def hook(module, args, kwargs):
            value = args[0] if args else kwargs.get("hidden_states")
            self._running.inputs[name] = value
            self._running.touched = []
        return hook

    def _after_block(self, name):
        def hook(module, args, kwargs, output):
            before = self._running.inputs.pop(name, None)
            after = output[0] if isinstance(output, tuple) else output
            touched = [one for one in self._running.touched if one[0].accumulator is not None]
            layer, counts = touched[0] if touched else (None, False)
            if not (counts and torch.is_tensor(before) and torch.is_tensor(after)):
                return
            if before.ndim == 3 and before.shape == after.shape and torch._C._current_graph_task_id() == -1:
                with self._refusing(name):
                    self._add_residual(layer, before, after, self._padding_of(name))
        return hook

    def _add_residual(self, layer, before, after, padding):
        before, after = (value.detach().contiguous() for value in (before, after))
        copy = self._copy or before.dtype == torch.float64
        if padding is None or padding.shape[0] != before.shape[0] or padding.shape[1] < before.shape[1]:
            layer.accumulator.add_residual(before, after, copy=copy)
            return
        for sequence, real in enumerate(padding[:, padding.shape[1] - before.shape[1] :]):
            if bool(real.any()):
                real = real.to(before.device)
                layer.accumulator.add_residual(before[sequence][real], after[sequence][real], copy=copy)


def _place(name):
    """Of "model.layers.3.self_attn": the stack "model.layers.*.self_attn" and the layer 3."""
    found = _FIRST_NUMBER.search(name)
    if found is None:
        return name, 0
    return name[: found.start(2)] + "*" + name[found.end(2) :], int(found.group(2))


def _is_block(name):
    found = _FIRST_NUMBER.search(name)
    return found is not None and found.end(2) == len(name)


def _is_cross(name, module):
    return bool(getattr(module, "is_cross_attention", False)) or _CROSS.search(name) is not None


def _takes_masks(module):
    from transformers import PreTrainedModel

    return isinstance(module, PreTrainedModel)
