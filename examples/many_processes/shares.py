# SPDX-License-Identifier: Apache-2.0
"""What ray_job.py, spark_job.py and dask_job.py have in common: dumps are cut into pieces, any process measures some of
them, and what processes measured adds up to what one would have.

A dump is a .npy file of attention weights, [batch, heads, queries, keys] or less, of the layer whose number follows an L
in its name: step100_L3.npy.
"""
import math
import pathlib
import re
from typing import NamedTuple

import numpy

import attnscope


class Piece(NamedTuple):
    """Rows `first` to `end` of one sequence, which has `rows`; `max_keys` is that of the layer, in all dumps."""

    layer: int
    dump: str
    sequence: int
    first: int
    end: int
    rows: int
    max_keys: int


def load(dump):
    """[batch, heads, queries, keys], read when it is measured."""
    weights = numpy.load(dump, mmap_mode="r")
    return weights.reshape((1,) * (4 - weights.ndim) + weights.shape)


def pieces_of(dumps, processes):
    """Whole sequences, or where these are fewer than processes, as many rows of each for all."""
    shapes = {str(dump): load(dump).shape for dump in dumps}
    layers = {dump: int(re.search(r"L(\d+)", pathlib.Path(dump).name)[1]) for dump in shapes}
    max_keys = {}
    for dump, shape in shapes.items():
        max_keys[layers[dump]] = max(shape[3], max_keys.get(layers[dump], 0))
    parts = math.ceil(processes / max(1, sum(shape[0] for shape in shapes.values())))
    return [
        Piece(layers[dump], dump, sequence, *rows, queries, max_keys[layers[dump]])
        for dump, (batch, _, queries, _) in shapes.items()
        for sequence in range(batch)
        for rows in _cuts(queries, parts)
    ]


def _cuts(rows, parts):
    """Where a multiple of 16 rows is cut, sums are those of one process to the last bit."""
    borders = sorted({*(rows * part // parts // 16 * 16 for part in range(parts)), rows})
    return zip(borders, borders[1:])


def measure(pieces):
    """A dictionary of accumulators: one for a layer's whole sequences, and one for each sequence of which rows are elsewhere."""
    layers = {}
    for piece in pieces:
        weights = load(piece.dump)[piece.sequence, :, piece.first : piece.end]
        is_whole = piece.end - piece.first == piece.rows
        key = piece.layer, "" if is_whole else f"{piece.dump} {piece.sequence}"
        if key not in layers:
            layers[key] = attnscope.LayerAccumulator(heads=weights.shape[0], max_keys=piece.max_keys)
        layers[key].add_weights(weights)
        if is_whole:
            layers[key].end_sequence()
    return layers


def add(layer, other):
    """Of two accumulators for one key, one."""
    layer.merge(other)
    return layer


def report_of(measured):
    """The report of pairs of keys and accumulators, as `measure` makes them, from all processes."""
    merged = {}
    for key, layer in measured:
        merged[key] = add(merged[key], layer) if key in merged else layer
    layers = {}
    for (index, _), layer in merged.items():
        layer.end_sequence()
        layers[index] = add(layers[index], layer) if index in layers else layer
    return attnscope.Report(layers)


def write(report, folder):
    """report.json and summary.png below `folder`; prints the verdicts."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report.to_json(verdicts=True))
    report.figure("summary").save(folder / "summary.png")
    print(report.diagnose())
