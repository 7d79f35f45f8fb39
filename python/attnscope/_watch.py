# SPDX-License-Identifier: Apache-2.0
"""The hook for models of Hugging Face Transformers."""

import contextlib
import functools
import operator
import threading
import warnings

import torch

from attnscope._hooks import Hook, forget_compiled
from attnscope._names import is_block, is_cross, place
from attnscope._relative import RelativeAttention, is_of_its_own
from attnscope._report import Report
from attnscope._visible import NotExpressible, check_options, keywords_of, parts_of, tokens_of
from attnscope._watched_layer import WatchedLayer


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
        self.inputs = {}  # of blocks that run now
        self.touched = []  # layers that were measured in the block that runs now, and the tokens of each


class Watch:
    """What `attnscope.watch` returns: a context manager, and afterwards what was measured."""

    def __init__(self, model, *, every, threads, copy, residuals, only_training):
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model is of type {type(model).__name__}, expected a torch.nn.Module")
        every, threads = _whole("every", every, 1), _whole("threads", threads, 0)
        for name, value in (("copy", copy), ("residuals", residuals), ("only_training", only_training)):
            if not isinstance(value, bool):
                raise TypeError(f"{name} is {value!r}, expected True or False")
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
        self._names = {}
        self._padding = None
        self._layers = {}
        self._running = _Running()
        self._lock = threading.RLock()  # whoever is warned may ask for a report
        self._handles = []
        self._is_on = False

    # What was measured.

    def report(self, stack=None, *, epoch=None, step=None, stage=""):
        """The report of a stack of layers; a model with one, such as a language model, needs no name.

        Raises RuntimeError if nothing was measured, LookupError for a stack that is not there or for several.
        """
        reports = self.reports(epoch=epoch, step=step, stage=stage)
        if not reports:
            raise RuntimeError("no attention was measured: " + self._why_nothing())
        if stack is None and len(reports) == 1:
            return next(iter(reports.values()))
        if stack not in reports:
            raise LookupError(f"stack is {stack!r}, expected one of {', '.join(map(repr, reports))}")
        return reports[stack]

    def reports(self, **moment):
        """Every stack's report, by the names of its modules with * for the layer: "model.layers.*.self_attn"."""
        stacks = {}
        with self._lock:
            for layer in self._layers.values():
                if layer.is_measured:
                    stacks.setdefault(layer.stack, {})[layer.index] = layer.accumulator
        return {stack: Report(layers, **moment) for stack, layers in stacks.items()}

    def _why_nothing(self):
        if self.not_measured:
            return "; ".join(f"{name}: {reason}" for name, reason in self.not_measured.items())
        which = "has not run in training mode (only_training=True)" if self._only_training else "has not run"
        return f"the model {which} while it was watched, or does not use Transformers' AttentionInterface"

    def reset(self):
        """Forgets what was measured: the next report is of what runs from now on."""
        with self._lock:
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
        from attnscope._padding import Padding

        forget_compiled(self._model)
        modules = list(self._model.named_modules())
        self._names = {id(module): name for name, module in modules}
        self._padding = Padding(modules)
        models = self._padding.models
        for name, module in modules:
            if name in models:
                self._hook(module, before=self._before_model(name), after=self._after_model(name))
            elif is_block(name, models) and self._residuals:
                self._hook(module, before=self._before_block(name), after=self._after_block(name))
            elif is_of_its_own(module):
                refusing = functools.partial(self._refusing, name)
                self._handles += RelativeAttention(module, self._relative_attention, refusing).attach()

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

    def _hook(self, module, *, before, after):
        self._handles.append(module.register_forward_pre_hook(Hook(before), with_kwargs=True))
        self._handles.append(module.register_forward_hook(Hook(after), with_kwargs=True, always_call=True))

    def attention(self, function, implementation, module, query, key, mask, extra):
        """Measures one call of an attention of the model; others are none of its business."""
        name = self._names.get(id(module))
        if name is None or not self._is_on or (self._only_training and not self._model.training):
            return
        # Gradient checkpoints run the forward pass a second time, within the backward pass.
        if torch._C._current_graph_task_id() != -1:
            return
        with self._lock, self._refusing(name):
            layer = self._layers.setdefault(name, WatchedLayer(*place(name, self._padding.models)))
            if query.shape[0] == 1:  # such as learned queries, which serve all sequences
                query = query.expand(key.shape[0], -1, -1, -1)
            layer.follow(query, key, is_cross(name, module))
            if layer.counts(self._every):
                check_options(function, extra)
                self._measure(layer, implementation, module, query, key, mask, extra, name)

    def _relative_attention(self, module, query, key, bias):
        self.attention(_relative_function, "eager", module, query, key, bias, {"scaling": 1.0})

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
        layer.end_sequences()
        tokens = tokens_of(keywords, batch, queries, keys, self._padding.of(name), is_cross(name, module))
        for part in parts_of(keywords, keys, tokens):
            accumulator.add_queries_keys(
                query[part.batch, :, part.queries],
                key[part.batch, :, part.keys],
                first_sequence=part.batch.start or 0,
                threads=self._threads,
                copy=self._copy or query.dtype == torch.float64,
                **part.keywords,
            )
            layer.is_measured = True
        if layer.is_measured:
            self._running.touched.append((layer, tokens))

    # Models within the model, which are given what says which tokens are padding.

    def _before_model(self, name):
        def hook(module, args, kwargs):
            with self._refusing(name):
                self._padding.keep(name, module, args, kwargs)
        return hook

    def _after_model(self, name):
        def hook(*_):
            self._padding.forget(name)
        return hook

    def prepared(self, model, attention_mask, decoder_attention_mask):
        """Generation is about to call a model of these masks."""
        name = self._names.get(id(model))
        if name is not None and self._is_on:
            with self._refusing(name):
                self._padding.prepare(name, attention_mask, decoder_attention_mask)

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
            if not (self._running.touched and torch.is_tensor(before) and torch.is_tensor(after)):
                return
            if before.ndim == 3 and before.shape == after.shape and torch._C._current_graph_task_id() == -1:
                with self._lock, self._refusing(name):
                    self._add_residual(*self._running.touched[0], before, after)
        return hook

    def _add_residual(self, layer, tokens, before, after):
        if before.dtype != after.dtype:  # as of a block that ends in another type than it begins with
            before, after = before.float(), after.float()
        before, after = (value.detach().contiguous() for value in (before, after))
        copy = self._copy or before.dtype == torch.float64
        if tokens is None or (len(tokens.queries), len(tokens.queries[0])) != before.shape[:2]:
            layer.accumulator.add_residual(before, after, copy=copy)
            return
        for sequence, real in enumerate(tokens.queries):
            if any(real):
                real = torch.tensor(real, device=before.device)
                layer.accumulator.add_residual(before[sequence][real], after[sequence][real], copy=copy)


def _relative_function(module, query, key, value, attention_mask, scaling=None):
    """What T5's attention takes."""


def _whole(name, value, least):
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, expected a whole number >= {least}") from None
    if whole < least:
        raise ValueError(f"{name} is {value!r}, expected a whole number >= {least}")
    return whole
