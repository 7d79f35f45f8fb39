# SPDX-License-Identifier: Apache-2.0
"""The metrics of docs/metrics.md, written from their definitions in float64: slow, and apart from the library."""
import numpy


def row_entropy(row):
    positive = row[row > 0]
    return float(-(positive * numpy.log(positive)).sum())


def head_metrics(matrices, visible, first_keys=None):
    """Of one head: `matrices` is a list of [queries, keys], `visible` of booleans of the same shapes.

    `first_keys`: the first token of each, 0 unless given.
    """
    first_keys = [0] * len(matrices) if first_keys is None else first_keys
    entropy, rank, top, largest, normalized = [], [], {5: [], 10: [], 50: []}, [], []
    col_entropy, max_col_sum, sink_mass, first_mass = [], [], [], []
    for matrix, seen, first in zip(matrices, visible, first_keys):
        matrix = numpy.where(seen, numpy.asarray(matrix, numpy.float64), 0.0)
        rows = matrix.sum(axis=1) > 0
        for row, see in zip(matrix[rows], seen[rows]):
            h = row_entropy(row)
            entropy.append(h)
            rank.append(numpy.exp(h))
            descending = numpy.sort(row)[::-1]
            for k, masses in top.items():
                masses.append(descending[:k].sum())
            largest.append(descending[0])
            if see.sum() > 1:
                normalized.append(h / numpy.log(see.sum()))
        columns = matrix[rows].sum(axis=0)
        col_entropy.append(row_entropy(columns / columns.sum()))
        max_col_sum.append(columns.max())
        sink_mass.append(columns.max() / rows.sum())
        first_mass.append(columns[first] / rows.sum())
    return {
        "entropy": numpy.mean(entropy),
        "effective_rank": numpy.mean(rank),
        **{f"top{k}": numpy.mean(masses) for k, masses in top.items()},
        "max_row_weight": numpy.mean(largest),
        "normalized_entropy": numpy.mean(normalized) if normalized else numpy.nan,
        "col_entropy": numpy.mean(col_entropy),
        "max_col_sum": numpy.mean(max_col_sum),
        "sink_mass": numpy.mean(sink_mass),
        "first_token_mass": numpy.mean(first_mass),
    }


def metrics(weights, visible=None, first_keys=None):
    """Of [batch, heads, queries, keys]: a dictionary from each metric's name to an array [heads]."""
    weights = numpy.asarray(weights, numpy.float64)
    visible = numpy.broadcast_to(True if visible is None else visible, weights.shape)
    heads = [head_metrics(weights[:, head], visible[:, head], first_keys) for head in range(weights.shape[1])]
    return {name: numpy.array([head[name] for head in heads]) for name in heads[0]}


def logit_metrics(logits, visible):
    """Over all visible logits of [batch, heads, queries, keys]; of a layer."""
    logits = numpy.asarray(logits, numpy.float64)
    visible = numpy.broadcast_to(visible, logits.shape)
    seen = logits[visible]
    hidden = numpy.where(visible, logits, -numpy.inf)
    rows = visible.any(axis=-1)
    log_sum_exp = numpy.log(numpy.exp(hidden[rows]).sum(axis=-1))
    largest = numpy.exp(hidden[rows].max(axis=-1) - log_sum_exp)
    return {
        "logit_mean": seen.mean(),
        "logit_std": seen.std(),
        "max_abs_logit": numpy.abs(seen).max(),
        "logsumexp": log_sum_exp.mean(),
        "saturation_ratio": (largest >= 0.99).mean(),
    }


def assert_close(stats, expected, relative=1e-5):
    """The heads of a LayerStats against `metrics`; NaN on one side alone fails."""
    heads = stats.heads
    for name, values in expected.items():
        numpy.testing.assert_allclose(heads[name], values, rtol=relative, atol=2e-6, err_msg=name)
