# SPDX-License-Identifier: Apache-2.0
"""What all layers of a model measured at one moment."""

import copyreg
import json
import math
import operator

from attnscope import _core
from attnscope._figure import Figure
from attnscope._page import Page

_SPECIAL = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


class Report:
    """A mapping from a layer's index in the model to its `LayerStats`, with the moment that it is of.

    Tables, verdicts, JSON and pictures are made from it.
    """

    def __init__(self, layers=None, *, epoch=None, step=None, stage=""):
        """`layers`: a mapping from a layer's index to a LayerAccumulator or a LayerStats, or a list of them.

        Open sequences of accumulators count as far as they go. Raises ValueError for a negative index, TypeError.
        """
        self._core = _core.Report()
        self._core.epoch, self._core.step = epoch, step
        self.stage = stage
        if not (layers is None or hasattr(layers, "items") or hasattr(layers, "__iter__")):
            raise TypeError(f"layers is of type {type(layers).__name__}, expected a mapping or a list")
        pairs = layers.items() if hasattr(layers, "items") else enumerate(layers or ())
        for index, layer in pairs:
            self[index] = layer

    @classmethod
    def _of(cls, core):
        report = cls.__new__(cls)
        report._core = core
        return report

    # Other forms.

    @classmethod
    def from_json(cls, text):
        """The report of the JSON that `to_json`, the command and many trainers write. Raises ValueError, naming the key."""
        return cls._of(_core.Report.from_json(text))

    @classmethod
    def from_dict(cls, dictionary):
        """The report of the dictionary that trainers log.

        `{"attention_stats": {0: {"entropy": 4.6, ...}}, "residual_ratios": {0: 0.3}, "qk_logit_stats": ...,
        "gradient_norms": ..., "num_epochs": 10, "step": 20000, "stage": "val"}`, all but the first optional. Numbers
        may be those of NumPy or tensors of one element. Raises ValueError, TypeError.
        """
        return cls.from_json(json.dumps(_with_text_keys(dictionary), default=_plain))

    @classmethod
    def from_states(cls, states):
        """What several processes measured: `states` are bytes of `LayerAccumulator.state` or of the command.

        States of one layer are added up. Raises ValueError for what does not belong together or is not complete.
        """
        return cls._of(_core.Report.from_states(list(states)))

    def to_json(self, *, verdicts=False, thresholds=None, baseline=None):
        """The report as text; the same report gives the same text. With `verdicts` also what `diagnose` finds."""
        return self._core.to_json(verdicts, thresholds, baseline)

    def to_dict(self, *, heads=False):
        """The dictionary of `from_dict`, layers as whole numbers; with `heads` also a list for each metric of heads."""
        out = json.loads(self.to_json())
        for key, group in out.items():
            if isinstance(group, dict):
                out[key] = {int(layer): _numbers(values, heads) for layer, values in group.items()}
        return out

    def to_pandas(self):
        """A DataFrame: a row for each layer (head is -1) and each head, a column for each metric. Needs pandas."""
        import pandas

        rows = []
        for layer, stats in self.items():
            rows.append({"layer": layer, "head": -1, **stats.layer})
            heads = stats.heads
            count = max((len(values) for values in heads.values()), default=0)
            rows += [
                {"layer": layer, "head": head, **{name: values[head] for name, values in heads.items()}}
                for head in range(count)
            ]
        return pandas.DataFrame(rows)

    def scalars(self, prefix=""):
        """A flat dictionary for loggers: `{prefix}layer_0/entropy` and so on. Missing metrics are left out."""
        return {
            f"{prefix}layer_{layer}/{name}": value
            for layer, stats in self.items()
            for name, value in stats.layer.items()
        }

    # What to make of it.

    def diagnose(self, thresholds=None, baseline=None):
        """The verdicts, as a `Diagnosis`: what is ill, and what could not be judged and why. Print it.

        `thresholds`: bounds that differ from the defaults, `{"sink_mass_warning": 0.4}`; `attnscope.thresholds()`
        lists them. `baseline`: a Baseline, with which each layer and head is compared too. Raises ValueError for a bound
        that there is not, or a baseline of another model.
        """
        return _core.judge(self._core, thresholds, baseline)

    def figure(self, kind="summary", **options):
        """The picture "summary" (six panels over the layers) or "heads" (maps of layers by heads); options of Figure.

        With `keys=` or `maps=` also "keys" and "maps", see Figure.
        """
        return Figure(kind, [self], **options)

    def html(self, *, before=(), keys=(), maps=(), thresholds=None, baseline=None):
        """The report as one page of HTML to open and to send around, which a notebook shows: a `Page`.

        Verdicts, tables that sort and filter, and the figures, which tell the value under the pointer; it loads nothing.
        before: earlier reports of the same model, shown over time; keys and maps: as of Figure; thresholds and baseline:
        as of `diagnose`. Raises ValueError for what `diagnose` and Figure refuse.
        """
        return Page([*before, self], keys=keys, maps=maps, thresholds=thresholds, baseline=baseline)

    # The mapping, and the moment.

    epoch = property(lambda self: self._core.epoch, lambda self, value: setattr(self._core, "epoch", value))
    step = property(lambda self: self._core.step, lambda self, value: setattr(self._core, "step", value))
    stage = property(lambda self: self._core.stage, lambda self, value: self._set_stage(value))

    def _set_stage(self, value):
        if not isinstance(value, str):
            raise TypeError(f"stage is {value!r}, expected text")
        self._core.stage = value

    def __getitem__(self, layer):
        try:
            return self._core.stats(layer)
        except TypeError:
            raise KeyError(layer) from None

    def __setitem__(self, layer, stats):
        if isinstance(stats, _core.LayerAccumulator):
            stats = stats.stats()
        if not isinstance(stats, _core.LayerStats):
            raise TypeError(f"layer {layer!r} is of type {type(stats).__name__}, expected a LayerAccumulator or LayerStats")
        self._core.set(layer, stats)

    def __iter__(self):
        return iter(self._core.layers())

    def __len__(self):
        return len(self._core.layers())

    def __contains__(self, layer):
        return layer in self._core.layers()

    def keys(self):
        return self._core.layers()

    def values(self):
        return [self[layer] for layer in self]

    def items(self):
        return [(layer, self[layer]) for layer in self]

    def get(self, layer, default=None):
        return self[layer] if layer in self else default

    def __eq__(self, other):
        return isinstance(other, Report) and self.to_json() == other.to_json()

    __hash__ = None

    def __reduce__(self):
        return Report.from_json, (self.to_json(),)

    def __repr__(self):
        moment = "".join(
            f", {name}={value!r}"
            for name, value in (("stage", self.stage), ("epoch", self.epoch), ("step", self.step))
            if value not in (None, "")
        )
        return f"<attnscope.Report of {len(self)} layers{moment}>"


def _stats_from_json(text):
    return Report.from_json(text)[0]


# What workers give back to the process that asked for it.
copyreg.pickle(_core.LayerStats, lambda stats: (_stats_from_json, (Report({0: stats}).to_json(),)))


class Baseline:
    """What is usual of a model: the median and the spread of each metric over reports of while it was healthy."""

    def __init__(self, reports):
        """`reports`: one report or more of the model. Raises ValueError if they are of different ones, or none."""
        self._core = _core.Baseline([report._core for report in reports])

    median = property(lambda self: Report._of(self._core.median), doc="The median of each metric: a Report.")
    spread = property(lambda self: Report._of(self._core.spread), doc="The spread of each metric: a Report.")


def _numbers(value, heads):
    if isinstance(value, dict):
        return {name: _numbers(one, heads) for name, one in value.items() if heads or name != "heads"}
    if isinstance(value, list):
        return [math.nan if one is None else _numbers(one, heads) for one in value]
    return _SPECIAL.get(value, value) if isinstance(value, str) else value


def _with_text_keys(value):
    """Keys as JSON has them: layers may be whole numbers of NumPy."""
    if not hasattr(value, "items"):
        return value
    return {_text_key(key): _with_text_keys(one) for key, one in value.items()}


def _text_key(key):
    if isinstance(key, str):
        return key
    try:
        return str(operator.index(key))
    except TypeError:
        raise TypeError(f"a report has the key {key!r}, expected text or the whole number of a layer") from None


def _plain(value):
    """Numbers and arrays of NumPy, tensors: what json does not know."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a report has {value!r} of type {type(value).__name__}, expected a number")
