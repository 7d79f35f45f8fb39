# SPDX-License-Identifier: Apache-2.0
"""Reports as one page of HTML."""

import html
import os

from attnscope import _core
from attnscope._figure import what_to_draw


class Page:
    """A page of HTML, what the command writes with `--html`. Made by `Report.html`; `str(page)` is its text.

    A notebook shows it by itself. The same data and options give the same text on every machine.
    """

    def __init__(self, reports, *, keys=(), maps=(), thresholds=None, baseline=None):
        """Of one report or more, the last of which is judged; see `Report.html`."""
        self._text = _core.page(**what_to_draw(reports, keys, maps), thresholds=thresholds, baseline=baseline)

    def save(self, path):
        """Writes a file, whole or not at all. Raises OSError."""
        _core.write_text(os.fspath(path), self._text)

    def __str__(self):
        return self._text

    def _repr_html_(self):
        # A document of its own, whose style and script stay apart from the notebook's.
        return f'<iframe srcdoc="{html.escape(self._text)}" style="width: 100%; height: 50em; border: 0"></iframe>'

    def __repr__(self):
        return f"<attnscope.Page of {len(self._text)} characters>"
