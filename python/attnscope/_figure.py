# SPDX-License-Identifier: Apache-2.0
"""Pictures of reports, drawn by attnscope itself: no matplotlib."""

import os

from attnscope import _core


class Figure:
    """A picture, drawn when it is shown or saved.

    A notebook shows it by itself. Made by `Report.figure` and `history`; the same reports and options give the same
    bytes on every machine.
    """

    def __init__(self, kind, reports, **options):
        """`kind`: "summary" or "heads" of one report, "history" of several.

        Options: width and height in 1/100 inch, 400 x 300 to 20000 x 20000 (default 2000 x 1500); scale: pixels per
        1/100 inch; plain: no healthy ranges, marks and verdict; dark: for dark backgrounds; thresholds and baseline: as of
        `Report.diagnose`. Raises ValueError for another kind or bound.
        """
        self.kind = kind
        reports = [report._core for report in reports]
        self._drawing = _core.Drawing(kind, reports, **options)

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
