# SPDX-License-Identifier: Apache-2.0
"""The samples of README.md and docs/python.md run as they stand."""
import pathlib
import re
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- not run: (.*?test_docs.py.*?) -->\n```python\n(.*?)```", re.DOTALL)
SAMPLES = [
    pytest.param(code, id=f"{page}-{number}")
    for page in ("README.md", "docs/python.md")
    for number, (_, code) in enumerate(BLOCK.findall((SOURCE / page).read_text()))
]


def test_there_are_samples():
    assert len(SAMPLES) >= 5


@pytest.mark.parametrize("code", SAMPLES)
def test_sample(code, tmp_path):
    for name in re.findall(r"\w[\w.]*", " ".join(re.findall(r"^import (.*)", code, re.MULTILINE))):
        pytest.importorskip(name)
    if "scaled_dot_product_attention" in code:
        pytest.importorskip("torch", minversion="2.0")
    made = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    for path in re.findall(r'save\("(.*?)"\)', code):
        assert (tmp_path / path).stat().st_size > 1000


def test_the_notebook_prints_what_it_says(tmp_path):
    """Its cells run one after another in one process, in a folder that looks like the clone."""
    page = (SOURCE / "docs/notebook.md").read_text()
    cells = re.findall(r"```(python|text)\n(.*?)```", page, re.DOTALL)
    (tmp_path / "tests").symlink_to(SOURCE / "tests")
    code = "".join(cell if kind == "python" else "print('=====')\n" for kind, cell in cells)
    made = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    printed = [text for text in made.stdout.split("=====\n") if text]
    assert printed == [cell for kind, cell in cells if kind == "text"]
    assert (tmp_path / "heads.png").stat().st_size > 1000
