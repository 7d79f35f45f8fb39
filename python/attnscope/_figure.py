# SPDX-License-Identifier: Apache-2.0
"""Pictures of reports, and of attention itself, drawn by attnscope: no matplotlib."""

import os

import numpy

from attnscope import _core
from attnscope._arrays import doubles


def what_to_draw(reports, keys, maps):
    """As the core wants it: its own reports; profiles and maps by layers, and by heads. Raises TypeError."""
    keys = _all_of("keys", keys, _core.KeyProfile)
    maps = _all_of("maps", maps, _core.AttentionMap)
    return {
        "reports": _all_of("reports", (getattr(one, "_core", one) for one in reports), _core.Report),
        "keys": sorted(keys, key=lambda profile: profile.layer),
        "maps": sorted(maps, key=lambda one: (one.layer, one.head)),
    }


def _all_of(name, values, kind):
    values = list(values)
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"{name} holds a {type(value).__name__}, expected {kind.__name__} only")
    return values


class Figure:
    """A picture, drawn when it is shown or saved.

    A notebook shows it by itself. Made by `Report.figure`, `history`, or of maps and profiles without a report:
    `Figure("maps", maps=attnscope.attention_maps(weights))`. The same data and options give the same bytes on every
    machine.
    """

    def __init__(self, kind, reports=(), *, keys=(), maps=(), **options):
        """`kind`: "summary" or "heads" of one report, "history" of several; "keys" and "maps".

        "keys": attention received by key position, a panel for each of `keys`, which are of `key_profile`, one a layer,
        36 at most. "maps": the matrices themselves, `maps` of `attention_maps`, of any layers, 1024 at most. With a
        report, both have its verdicts.

        Options: width and height in 1/100 inch, 400 x 300 to 20000 x 20000 (default 2000 x 1500); scale: pixels per
        1/100 inch; plain: no healthy ranges, marks and verdict; dark: for dark backgrounds; thresholds and baseline: as of
        `Report.diagnose`. Raises ValueError for another kind or bound.
        """
        self.kind = kind
        self._drawing = _core.Drawing(kind, **what_to_draw(reports, keys, maps), **options)

    @property
    def png(self):
        """The picture as bytes of a PNG file. Raises ValueError where it cannot be drawn, such as heads without heads."""
        return self._drawing.png()

    @property
    def rgb(self):
        """The picture as an array [height, width, 3] of uint8. Raises as `png`."""
        return self._drawing.rgb()

    @property
    def svg(self):
        """The picture as text of an SVG document. Raises as `png`."""
        return self._drawing.svg()

    def save(self, path):
        """Writes a file, whole or not at all: SVG if `path` ends in .svg, else PNG. Raises ValueError, OSError."""
        self._drawing.save(os.fspath(path))

    def _repr_png_(self):
        return self.png

    def _repr_svg_(self):
        return self.svg

    def __repr__(self):
        return f"<attnscope.Figure {self.kind}>"


def history(reports, **options):
    """The figure of each metric over steps or epochs, of reports of one model at different times; options of Figure."""
    return Figure("history", list(reports), **options)


def key_profile(column_sums, rows, *, layer=0):
    """What each key receives of a mean row's attention, for figures of keys: a `KeyProfile`.

    `column_sums`: [heads, keys], the attention that each key received, as of `LayerAccumulator.column_sums` or
    `KeyScores.head_scores`, which may be added over sequences. `rows`: how many rows were added, of all those sequences:
    a number, or one for each head; heads without rows are left out. `layer`: its index in the model. Raises ValueError
    for shapes that do not fit, and for sums or rows that are negative or not finite.
    """
    column_sums, rows = doubles("column_sums", column_sums), doubles("rows", rows)
    if rows.ndim == 0 and column_sums.ndim:
        rows = numpy.broadcast_to(rows, column_sums.shape[:1])
    return _core.key_profile(column_sums, numpy.ascontiguousarray(rows), layer=layer)
