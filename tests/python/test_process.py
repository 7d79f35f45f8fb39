# SPDX-License-Identifier: Apache-2.0
"""What is not seen in a single call: memory, threads, forks, the command."""
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import numpy
import pytest
from conftest import softmax

import attnscope


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_memory_stays_flat():
    row = numpy.full((1, 1, 1, 16), 1 / 16, numpy.float32)
    layer = attnscope.LayerAccumulator(max_keys=16)

    def calls(count):
        for _ in range(count):
            layer.add_weights(row, causal=True, key_lengths=[16])
            try:
                layer.add_weights(row, key_lengths=[17])
            except ValueError:
                pass

    calls(20000)
    layer.stats().heads
    before = resident_bytes()
    calls(100000)
    for _ in range(1000):
        layer.stats().heads
        layer.state()
    assert resident_bytes() - before < 2 << 20


class Lent:
    """An array that is lent by DLPack alone."""

    def __init__(self, value):
        self.value = value

    def __dlpack__(self, **keywords):
        return self.value.__dlpack__(**keywords)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_memory_of_borrowed_tensors_stays_flat():
    """Capsules, in both versions where NumPy has them, buffers, masks and biases, and calls that fail behind them."""
    rows = numpy.full((1, 2, 4, 16), 1 / 16, numpy.float32)
    queries, keys = (numpy.ones((1, 2, size, 8), numpy.float32) for size in (4, 16))
    layer = attnscope.LayerAccumulator(heads=2, max_keys=16)

    def calls(count):
        for _ in range(count):
            layer.add_weights(Lent(rows))
            layer.add_logits(Lent(rows), bias=Lent(rows), mask=rows > 0)
            layer.add_queries_keys(Lent(queries), keys, mask=rows > 0, sinks=[0.0, 1.0])
            try:
                layer.add_queries_keys(Lent(queries), Lent(keys), bias=Lent(keys))
            except ValueError:
                pass

    calls(5000)
    before = resident_bytes()
    calls(100000 // 4)
    assert resident_bytes() - before < 2 << 20


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_memory_of_rows_maps_and_scores_stays_flat():
    rows = numpy.full((1, 2, 4, 16), 1 / 16, numpy.float32)
    layer = attnscope.LayerAccumulator(heads=2, max_keys=16)
    scores = attnscope.KeyScores(heads=2, max_keys=16)

    def calls(count):
        for _ in range(count):
            layer.add_weights(rows, rows=True)
            layer.column_sums()
            attnscope.measure_rows(logits=rows)
            attnscope.attention_maps(rows)[0].cells
            scores.add_weights(rows)
            scores.keep(scores.top_keys(15))
            scores.scores()
            scores.end_sequence()
            attnscope.kernels.top_k(rows, 3)
            for what in (dict(outputs=["x"]), dict(key_lengths=[17])):
                try:
                    attnscope.measure_rows(rows, **what)
                except ValueError:
                    pass

    calls(2000)
    before = resident_bytes()
    calls(10000)
    assert resident_bytes() - before < 2 << 20


def test_two_threads_measure_side_by_side():
    """While one thread is inside one call, another one runs Python: the GIL is released."""
    weights = softmax(numpy.random.default_rng(1).normal(size=(8, 512, 1024))).astype(numpy.float32)
    many = numpy.broadcast_to(weights[None], (64, 8, 512, 1024))
    layers = [attnscope.LayerAccumulator(heads=8, max_keys=1024, max_batch=64) for _ in range(2)]
    inside = [False, False]

    def measure(index):
        inside[index] = True
        layers[index].add_weights(many)
        inside[index] = False
        layers[index].end_sequence()

    turns = 0
    threads = [threading.Thread(target=measure, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        turns += all(inside)
        time.sleep(0)
    assert turns > 2
    assert layers[0].stats().layer == layers[1].stats().layer


def test_many_threads_on_one_accumulator():
    weights = softmax(numpy.random.default_rng(2).normal(size=(2, 64, 64))).astype(numpy.float32)
    layer = attnscope.LayerAccumulator(heads=2, max_keys=64)

    def measure():
        for _ in range(50):
            layer.add_weights(weights, threads=2)
            layer.stats()

    threads = [threading.Thread(target=measure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert layer.stats().layer["rows"] == 4 * 50 * 2 * 64


def _entropy_with_threads(weights):
    layer = attnscope.LayerAccumulator(heads=2, max_keys=64)
    layer.add_weights(weights, threads=2)
    return layer.stats().layer["entropy"]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_threads_after_a_fork():
    """Workers of data loaders are forks of a process whose pools they do not have."""
    weights = softmax(numpy.random.default_rng(3).normal(size=(2, 64, 64))).astype(numpy.float32)
    expected = _entropy_with_threads(weights)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map_async(_entropy_with_threads, [weights] * 4).get(timeout=60)
    assert found == [expected] * 4


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "attnscope", *arguments], capture_output=True, text=True)


def test_the_command(weights, tmp_path):
    assert run("--version").stdout == f"attnscope {attnscope.__version__}\n"
    assert run("no-such-command").returncode == 2
    numpy.save(tmp_path / "L0_attn.npy", weights)
    made = run("analyze", tmp_path / "L0_attn.npy", "-o", tmp_path / "report.json", "--png", tmp_path / "a.png")
    assert made.returncode == 0, made.stderr
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    layer.add_weights(weights)
    report = attnscope.Report.from_json((tmp_path / "report.json").read_text())
    assert report[0].layer == layer.stats().layer
    assert attnscope.Report({0: layer}).figure().png[:4] == (tmp_path / "a.png").read_bytes()[:4]


def test_the_command_reads_states(weights, tmp_path):
    whole = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    whole.add_weights(weights)
    states = []
    for sequence in range(2):
        layer = attnscope.LayerAccumulator(heads=3, max_keys=40)
        layer.add_weights(weights[sequence])
        states.append(layer.state(stage="val", epoch=2))
        (tmp_path / f"{sequence}.state").write_bytes(states[-1])
    made = run("merge", tmp_path / "0.state", tmp_path / "1.state", "-o", tmp_path / "report.json")
    assert made.returncode == 0, made.stderr
    report = attnscope.Report.from_json((tmp_path / "report.json").read_text())
    assert report[0].layer["entropy"] == pytest.approx(whole.stats().layer["entropy"], rel=1e-12)
    assert attnscope.Report.from_states(states) == report
    assert (report.stage, report.epoch) == ("val", 2)


def test_importing_needs_numpy_alone():
    code = "import sys, attnscope; print([m for m in ('torch', 'matplotlib', 'wandb', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
