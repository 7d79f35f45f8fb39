# SPDX-License-Identifier: Apache-2.0
"""examples/many_processes inside the real engines, with several processes on this machine: what one process measures, also
where a worker is killed in its task."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy
import pytest
from conftest import softmax

import attnscope

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "many_processes"
ENGINES = {"ray": "ray", "spark": "pyspark", "dask": "distributed"}

# The first process that measures layer 1 is killed.
KILLED_ONCE = """
import os
import signal
_measure = measure
def measure(pieces):
    pieces = list(pieces)
    if any(piece.layer == 1 for piece in pieces):
        try:
            os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return _measure(pieces)
"""


@pytest.fixture
def dumps(tmp_path, rng):
    """Two steps of three layers, of other lengths; a layer has more sequences than one."""
    paths = []
    for step, keys in enumerate((96, 57)):
        for layer in range(3):
            paths.append(tmp_path / f"step{step}_L{layer}_attn.npy")
            numpy.save(paths[-1], softmax(2 * rng.normal(size=(2 if layer == 2 else 1, 4, keys, keys))).astype(numpy.float32))
    return paths


def report_of_one_process(dumps):
    layers = {}
    for dump in dumps:
        index = int(dump.name.split("_L")[1][0])
        layer = layers.setdefault(index, attnscope.LayerAccumulator(heads=4, max_keys=96, max_batch=2))
        layer.add_weights(numpy.load(dump))
        layer.end_sequence()
    return attnscope.Report(layers)


def check(report, dumps):
    expected = report_of_one_process(dumps)
    assert list(report) == list(expected)
    for layer in expected:
        assert report[layer].layer == pytest.approx(expected[layer].layer, rel=1e-12)
        for name, values in expected[layer].heads.items():
            numpy.testing.assert_allclose(report[layer].heads[name], values, rtol=1e-12, err_msg=name)


def need(engine):
    pytest.importorskip(ENGINES[engine])
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")


def run(engine, folder, tmp_path, dumps, tasks):
    environment = {
        **os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_SUBMIT_ARGS": "--master local[3,4] pyspark-shell", "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    return subprocess.run([sys.executable, folder / f"{engine}_job.py", tmp_path / "out", str(tasks), *dumps],
                          env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("tasks", [3, 20])
@pytest.mark.parametrize("engine", ENGINES)
def test_engines(engine, tasks, dumps, tmp_path):
    need(engine)
    if engine == "dask" and tasks > 3:
        pytest.skip("a process for each task")
    made = run(engine, EXAMPLES, tmp_path, dumps, tasks)
    assert made.returncode == 0, made.stderr[-4000:]
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    check(attnscope.Report.from_json(json.dumps(written)), dumps)
    assert (tmp_path / "out" / "summary.png").stat().st_size > 1000
    assert made.stdout.splitlines()[-1]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_that_is_killed(engine, dumps, tmp_path):
    need(engine)
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    with open(tmp_path / "examples" / "shares.py", "a") as file:
        file.write(KILLED_ONCE.format(marker=str(tmp_path / "killed")))
    made = run(engine, tmp_path / "examples", tmp_path, dumps, 3)
    assert (tmp_path / "killed").exists(), "no worker was killed"
    assert made.returncode == 0, made.stderr[-4000:]
    check(attnscope.Report.from_json((tmp_path / "out" / "report.json").read_text()), dumps)


@pytest.mark.parametrize("processes", [1, 3, 40])
def test_pieces_in_any_order(processes, dumps, monkeypatch):
    """Without an engine: pieces of sequences, measured in any order."""
    monkeypatch.syspath_prepend(EXAMPLES)
    import shares

    pieces = shares.pieces_of(dumps, processes)
    assert (len(pieces) > 8) == (processes == 40)
    measured = [pair for part in range(7) for pair in shares.measure(pieces[part::7]).items()]
    check(shares.report_of(reversed(measured)), dumps)
