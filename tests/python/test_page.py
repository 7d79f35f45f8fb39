# SPDX-License-Identifier: Apache-2.0
"""The page of a report: that of the command, to the byte."""
import html
import html.parser
import subprocess
import sys

import numpy
import pytest

import attnscope


class Tags(html.parser.HTMLParser):
    """The tags of a text, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_it_is_the_page_of_the_command(layer, tmp_path):
    report = attnscope.Report({2: layer, 5: layer}, step=7, stage="<val> & co")
    (tmp_path / "report.json").write_text(report.to_json())
    subprocess.run([sys.executable, "-m", "attnscope", "diagnose", tmp_path / "report.json", "--html", tmp_path / "a.html"],
                   check=True, stdout=subprocess.DEVNULL)
    page = report.html()
    page.save(tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes() == str(page).encode()
    assert "&lt;val&gt; &amp; co" in str(page)
    assert repr(page) == f"<attnscope.Page of {len(str(page))} characters>"


def test_a_notebook_shows_it(layer):
    """As a frame, whose only content is the page."""
    page = attnscope.Report({0: layer}).html()
    ((tag, attributes),) = Tags(page._repr_html_()).found
    assert tag == "iframe" and attributes["srcdoc"] == str(page)


def test_what_it_may_show(layer, weights):
    report = attnscope.Report({0: layer}, step=2)
    plain = str(report.html())
    for section, options in {
        "history": dict(before=[attnscope.Report({0: layer}, step=1)]),
        "maps": dict(maps=attnscope.attention_maps(weights)),
        "keys": dict(keys=[attnscope.key_profile(weights[0].sum(axis=1, dtype=numpy.float64), rows=24)]),
    }.items():
        assert f'id="{section}-title"' in str(report.html(**options)) and f'id="{section}-title"' not in plain
    few = {"one_hot_max_row_weight_warning": 1e-3}
    assert "is above 0.001" in str(report.html(thresholds=few)) and "is above" not in plain


def test_what_it_refuses(layer, tmp_path):
    report = attnscope.Report({0: layer})
    with pytest.raises(ValueError, match="no_such"):
        report.html(thresholds={"no_such": 1.0})
    with pytest.raises(TypeError):
        report.html(baseline=3)
    with pytest.raises(ValueError, match="0 reports"):
        attnscope.Page([])
    with pytest.raises(OSError, match="no/such"):
        report.html().save(tmp_path / "no/such/page.html")
