# SPDX-License-Identifier: Apache-2.0
"""The hook for models of Hugging Face Transformers."""

import inspect
import re
import warnings
import weakref

import torch

from attnscope import _core
from attnscope._relative import RelativeAttention, is_of_its_own
from attnscope._report import Report
from attnscope._visible import NotExpressible, keywords_of, parts_of

_CROSS = re.compile(r"cross|encoder_attn|EncDec", re.IGNORECASE)
_FIRST_NUMBER = re.compile(r"(^|\.)(\d+)(\.|$)")


def watch(model, *, every=16, threads=1, copy=False, residuals=True):
    """Measures a model of Hugging Face Transformers while it runs.

        with attnscope.watch(model, every=16) as watch:
            ...                                # training steps, forward passes, model.generate(...)
        print(watch.report().diagnose())

    The model keeps its attention (sdpa or eager), and its numbers do not change. Of every `every`-th call of each
    attention, queries and keys are read where they lie, with the model's mask, scaling, soft cap and position bias;
    tokens that are padding are left out. residuals: also how much each block changes the residual stream. threads: that
    measure. copy: for models on a GPU, whose queries and keys are copied to the CPU a layer at a time; without it they
    are refused. What cannot be measured as the model does it is not measured: `not_measured` says what and why.

    Raises ImportError where Transformers is not installed or too old, TypeError for what is no torch.nn.Module,
    ValueError for a model that is not on the CPU.
    """
    return Watch(model, every=every, threads=threads, copy=copy, residuals=residuals)


class _Layer:
    """One attention module: what it measured, and where its sequences stand."""

    def __init__(self, stack, index):
        self.stack = stack
        self.index = index
        self.accumulator = None
        self.calls = 0
        self.is_sampled = False
        self.keys = 0  # of the last call, measured or not
        self.batch = 0
        self.key_of_cache = None  # of a cross attention, whose keys stay
        self.is_broken = False  # another sequence began since the last call that was measured

    def follow(self, query, key, is_cross):
        """Notes whether the rows of this call belong to the sequences of the last one."""
        batch, keys = key.shape[0], key.shape[2]
        if is_cross:
            last = self.key_of_cache() if self.key_of_cache is not None else None
            goes_on = key is last
            self.key_of_cache = weakref.ref(key)
        else:
            goes_on = batch == self.batch and keys > self.keys and query.shape[2] < keys
        self.is_broken |= not goes_on
        self.batch, self.keys = batch, keys

    def room_for(self, heads, keys, batch):
        if self.accumulator is None or self.accumulator.heads != heads:
            if self.accumulator is not None:
                raise NotExpressible(f"it has {heads} heads now and had {self.accumulator.heads}")
            self.accumulator = _core.LayerAccumulator(heads=heads, max_keys=_roomy(keys), max_batch=batch)
        elif keys > self.accumulator.max_keys or batch > self.accumulator.max_batch:
            self.accumulator.reserve(max_keys=_roomy(keys), max_batch=batch)
        return self.accumulator


def _roomy(keys):
    return 1 << max(8, (keys - 1).bit_length())


class Watch:
    """What `attnscope.watch` returns: a context manager, and afterwards what was measured."""

    def __init__(self, model, *, every, threads, copy, residuals):
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model is of type {type(model).__name__}, expected a torch.nn.Module")
        if not (isinstance(every, int) and every >= 1):
            raise ValueError(f"every is {every!r}, expected a whole number >= 1")
        device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        if device.type != "cpu" and not copy:
            raise ValueError(f"model is on {device}: pass copy=True to have queries and keys copied to the CPU")
        self.not_measured = {}
        self._model = model
        self._every = every
        self._threads = threads
        self._copy = copy
        self._residuals = residuals
        self._names = {id(module): name for name, module in model.named_modules()}
        self._layers = {}
        self._padding = {}  # of modules that were given one, by name
        self._inputs = {}  # of blocks that run now
        self._touched = []
        self._handles = []
        self._original = None

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
        from transformers import AttentionInterface

        if not hasattr(AttentionInterface, "get_interface"):
            import transformers

            raise ImportError(f"transformers is {transformers.__version__}, expected 5 or later")
        if self._original is not None:
            raise RuntimeError("this watch is on already")
        self._original = AttentionInterface.get_interface
        AttentionInterface.get_interface = _patched(self._original, self)
        for name, module in self._model.named_modules():
            if _is_block(name) and self._residuals:
                self._handles.append(module.register_forward_pre_hook(self._before_block(name), with_kwargs=True))
                self._handles.append(module.register_forward_hook(self._after_block(name), with_kwargs=True))
            elif _takes_masks(module):
                self._handles.append(module.register_forward_pre_hook(self._keep_padding(name), with_kwargs=True))
            elif is_of_its_own(module):
                self._handles += RelativeAttention(module, self._relative_attention).attach()
        return self

    def __exit__(self, *_):
        from transformers import AttentionInterface

        if getattr(AttentionInterface.get_interface, "attnscope_watch", None) is self:
            AttentionInterface.get_interface = self._original
        self._original = None
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._inputs.clear()

    def attention(self, implementation, module, query, key, mask, extra):
        """Measures one call of an attention of the model; others are none of its business."""
        name = self._names.get(id(module))
        # Gradient checkpoints run the forward pass a second time, within the backward pass.
        if name is None or self._original is None or torch._C._current_graph_task_id() != -1:
            return
        layer = self._layers.setdefault(name, _Layer(*_place(name)))
        layer.is_sampled = layer.calls % self._every == 0
        layer.calls += 1
        layer.follow(query, key, _is_cross(name, module))
        self._touched.append(layer)
        if not layer.is_sampled:
            return
        try:
            self._measure(layer, implementation, module, query, key, mask, extra, name)
        except (NotExpressible, ValueError) as reason:
            self._refuse(name, reason)

    def _relative_attention(self, module, query, key, bias):
        self.attention("eager", module, query, key, bias, {"scaling": 1.0})

    def _refuse(self, name, reason):
        if name not in self.not_measured:
            warnings.warn(f"attnscope does not measure {name}: {reason}", stacklevel=3)
        self.not_measured[name] = str(reason)

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
                self._padding[name] = None
            elif torch.is_tensor(given) and given.ndim == 2:
                self._padding[name] = given.detach().bool().cpu()
            else:  # made from what a module around it was given
                self._padding.pop(name, None)
        return hook

    def _padding_of(self, name):
        """Of the innermost module around the attention that was asked for it."""
        parts = name.split(".")
        for length in range(len(parts), -1, -1):
            around = ".".join(parts[:length])
            if around in self._padding:
                return self._padding[around]
        return None

    # Residual streams: the input and output of blocks.

    def _before_block(self, name):
        def hook(module, args, kwargs):
            value = args[0] if args else kwargs.get("hidden_states")
            self._inputs[name] = value
            self._touched = []
        return hook

    def _after_block(self, name):
        def hook(module, args, kwargs, output):
            before = self._inputs.pop(name, None)
            after = output[0] if isinstance(output, tuple) else output
            touched = [layer for layer in self._touched if layer.accumulator is not None]
            if not (touched and touched[0].is_sampled and torch.is_tensor(before) and torch.is_tensor(after)):
                return
            if before.ndim == 3 and before.shape == after.shape and torch._C._current_graph_task_id() == -1:
                try:
                    self._add_residual(touched[0], before, after, self._padding_of(name))
                except ValueError as reason:
                    self._refuse(name, reason)
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


def _patched(original, watch):
    def get_interface(self, implementation, default=None):
        function = original(self, implementation, default)

        def attention(module, query, key, value, attention_mask=None, *args, **kwargs):
            extra = dict(zip(("scaling", "dropout"), args), **kwargs)
            watch.attention(implementation, module, query, key, attention_mask, extra)
            return function(module, query, key, value, attention_mask, *args, **kwargs)

        return attention

    get_interface.attnscope_watch = watch
    return get_interface


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
