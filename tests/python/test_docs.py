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
    made = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    for path in re.findall(r'save\("(.*?)"\)', code):
        assert (tmp_path / path).stat().st_size > 1000
