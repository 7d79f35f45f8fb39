# SPDX-License-Identifier: Apache-2.0
"""The class of training loops that attnscope takes the place of, and the numbers that such loops log."""

import math
import os
import pathlib
import sys

import numpy

from attnscope import _core
from attnscope._arrays import doubles
from attnscope._report import Report

_NEEDED = ("entropy", "effective_rank", "top5", "top10", "top50")


class TransformerDiagnostics:
    """Draws the diagnostics of a training loop and logs them to Weights & Biases, where a run is active.

    A drop-in for the class of the same name in torchcell.viz.transformer_diagnostics: the same arguments, names and
    log key. Pictures are drawn by attnscope, and are also written to `base_dir`.
    """

    def __init__(self, base_dir, mplstyle_path=None, *, scalars=False, verdicts=False, heads=False, dark=False):
        """`mplstyle_path` is taken and not read: the palette is the one of the original.

        Beyond the original: `scalars` logs each layer's numbers too, `verdicts` prints what is ill and shows it in
        the picture, `heads` also draws maps of heads where the statistics have "heads", `dark` is for dark backgrounds.
        """
        self.base_dir = base_dir
        self.mplstyle_path = mplstyle_path
        self.scalars = scalars
        self.verdicts = verdicts
        self.heads = heads
        self.dark = dark

    def plot_attention_diagnostics(
        self,
        attention_stats,
        residual_ratios=None,
        qk_logit_stats=None,
        gradient_norms=None,
        num_epochs=0,
        stage="val",
    ):
        """Draws and logs `{stage}_transformer_diagnostics/summary`, and writes the picture below `base_dir`.

        attention_stats: layer -> {"entropy", "effective_rank", "top5", "top10", "top50", and optionally
        "max_row_weight", "col_entropy", "max_col_sum" and whatever else attnscope measures}; if empty, prints "No
        attention stats to plot". residual_ratios: layer -> ratio; without it the panel says "not measured".
        qk_logit_stats: layer -> {"logit_mean", "logit_std", "saturation_ratio"}; gradient_norms: layer -> norm; both
        enter verdicts and scalars. Returns None. Raises KeyError for a layer without one of the first five metrics.
        """
        if not attention_stats:
            print("No attention stats to plot")
            return
        for layer in attention_stats:
            for name in _NEEDED:
                attention_stats[layer][name]
        groups = {
            "attention_stats": attention_stats,
            "residual_ratios": _of_layers(residual_ratios, attention_stats),
            "qk_logit_stats": _of_layers(qk_logit_stats, attention_stats),
            "gradient_norms": _of_layers(gradient_norms, attention_stats),
        }
        groups = {name: group for name, group in groups.items() if group}
        report = Report.from_dict({**groups, "num_epochs": num_epochs, "stage": stage})
        self._log(report, f"{stage}_transformer_diagnostics")

    def _log(self, report, key):
        if self.verdicts:
            print(f"{key}, epoch {report.epoch}: {report.diagnose()}")
        kinds = ["summary"]
        if self.heads and any(stats.heads for stats in report.values()):
            kinds.append("heads")
        logged = report.scalars(f"{key}/") if self.scalars else {}
        for kind in kinds:
            path = pathlib.Path(self.base_dir) / key / f"{kind}_epoch_{report.epoch}.png"
            os.makedirs(path.parent, exist_ok=True)
            report.figure(kind, plain=not self.verdicts, dark=self.dark).save(path)
            logged[f"{key}/{kind}"] = path
        wandb = sys.modules.get("wandb")
        if wandb is None or wandb.run is None:
            return
        images = {name: wandb.Image(str(value)) for name, value in logged.items() if isinstance(value, pathlib.Path)}
        wandb.log({**logged, **images}, commit=True)


def _of_layers(group, attention_stats):
    """As the original, which passes over layers that attention_stats does not have."""
    return {layer: value for layer, value in (group or {}).items() if layer in attention_stats}


def attention_stats_from(weights, *, causal=False, as_original=False, copy=False):
    """The dictionary of one layer for `plot_attention_diagnostics`, from post-softmax weights.

    weights: [batch, heads, queries, keys], or its last three or two dimensions; any array that
    `LayerAccumulator.add_weights` takes, with its `copy`. With `as_original` as old training loops compute it, to
    compare with their runs: batch and heads are averaged first, the effective rank is exp of the mean entropy, and
    1e-10 is added within the logarithm. That hides collapsed heads. Raises ValueError, TypeError.
    """
    if as_original:
        if causal:
            raise ValueError("causal is True, which changes nothing of what as_original=True computes")
        return _original_stats(weights)
    if not hasattr(weights, "shape"):
        raise TypeError(f"weights is of type {type(weights).__name__}, expected an array or tensor")
    shape = tuple(weights.shape)
    if not 2 <= len(shape) <= 4:
        raise ValueError(f"weights has {len(shape)} dimensions, expected 2 to 4")
    batch, heads = ((1, 1) + shape[:-2])[-2:]
    layer = _core.LayerAccumulator(heads=max(heads, 1), max_keys=shape[-1], max_batch=max(batch, 1))
    layer.add_weights(weights, causal=causal, copy=copy)
    return layer.stats().layer


def _original_stats(weights):
    matrix = doubles("weights", weights)
    if matrix.ndim < 2 or matrix.size == 0:
        raise ValueError(f"weights has shape {list(matrix.shape)}, expected two dimensions or more, none of them 0")
    matrix = matrix.reshape(-1, *matrix.shape[-2:]).mean(axis=0)
    descending = -numpy.sort(-matrix, axis=1)
    columns = matrix.sum(axis=0)
    shares = columns / columns.sum()
    entropy = float(-(matrix * numpy.log(matrix + 1e-10)).sum(axis=1).mean())
    return {
        "entropy": entropy,
        "effective_rank": math.exp(entropy),
        **{f"top{k}": float(descending[:, :k].sum(axis=1).mean()) for k in (5, 10, 50)},
        "max_row_weight": float(matrix.max(axis=1).mean()),
        "col_entropy": float(-(shares * numpy.log(shares + 1e-10)).sum()),
        "max_col_sum": float(columns.max()),
    }
