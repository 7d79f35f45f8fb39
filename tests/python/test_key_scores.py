# SPDX-License-Identifier: Apache-2.0
"""KeyScores against sums of weights in float64."""
import pickle
import threading

import numpy
import pytest
from conftest import softmax

import attnscope


class Oracle:
    """One query head's rows, kept whole; a cell that was dropped or cleared has weight zero in earlier rows."""

    def __init__(self, window=0, decay=1.0):
        self.window, self.decay, self.rows, self.count = window, decay, [], 0

    def add(self, rows):
        self.rows = [numpy.concatenate([row, numpy.zeros(rows.shape[1] - len(row))]) for row in self.rows]
        self.rows += list(numpy.asarray(rows, numpy.float64))
        self.count = rows.shape[1]

    def keep(self, keys):
        self.rows = [row[list(keys)] for row in self.rows]
        self.count = len(keys)

    def clear(self, keys):
        for row in self.rows:
            row[list(keys)] = 0

    def shift(self, begin, end, delta):
        last = end == self.count
        for index, row in enumerate(self.rows):
            moved = row[begin:end].copy()
            row[begin:end] = 0
            wide = numpy.concatenate([row, numpy.zeros(max(0, end + delta - len(row)))])
            wide[begin + delta : end + delta] = moved
            self.rows[index] = wide[: end + delta] if last else wide
        self.count = end + delta if last else max(self.count, end + delta)

    def scores(self):
        rows = self.rows[-self.window :] if self.window else self.rows
        total = numpy.zeros(self.count)
        for age, row in enumerate(reversed(rows)):
            total += self.decay**age * row
        return total


def assert_scores(scores, oracles, sequence=0, relative=2e-6):
    """`oracles`: one for each query head."""
    shared = scores.heads // scores.groups
    for head, one in enumerate(oracles):
        numpy.testing.assert_allclose(scores.head_scores(sequence, head), one.scores(), rtol=relative, atol=1e-7)
    for group in range(scores.groups):
        expected = sum(one.scores() for one in oracles[group * shared : (group + 1) * shared])
        found = scores.scores(sequence, group)
        assert found.dtype == numpy.float64 and len(found) == scores.keys(sequence, group)
        numpy.testing.assert_allclose(found, expected, rtol=relative, atol=1e-7)


@pytest.mark.parametrize("what", [dict(), dict(window=5), dict(decay=0.9), dict(window=7, decay=0.5)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_scores_of_weights(rng, what, groups):
    weights = softmax(2 * rng.normal(size=(2, 4, 24, 40))).astype(numpy.float32)
    scores = attnscope.KeyScores(heads=4, groups=groups, max_keys=50, max_batch=2, **what)
    scores.add_weights(weights[:, :, :10, :30])
    scores.add_weights(weights[:, :, 10:])
    for sequence in range(2):
        oracles = [Oracle(**what) for _ in range(4)]
        for head, one in enumerate(oracles):
            one.add(weights[sequence, head, :10, :30])
            one.add(weights[sequence, head, 10:])
        assert_scores(scores, oracles, sequence)
        assert scores.rows(sequence, 3) == 24 and scores.keys(sequence, groups - 1) == 40


def causal(queries, keys):
    return numpy.arange(keys) <= numpy.arange(queries)[:, None] + keys - queries


def test_logits_and_queries_keys(rng):
    queries = rng.normal(size=(4, 24, 16)).astype(numpy.float32)
    keys = rng.normal(size=(2, 40, 16)).astype(numpy.float32)
    logits = queries.astype(numpy.float64) @ numpy.repeat(keys, 2, axis=0).swapaxes(1, 2) / 4
    weights = softmax(numpy.where(causal(24, 40), logits, -numpy.inf))
    oracles = [Oracle() for _ in range(4)]
    for one, rows in zip(oracles, weights):
        one.add(rows)
    scores = attnscope.KeyScores(heads=4, groups=2, max_keys=40)
    scores.add_queries_keys(queries, keys, causal=True)
    assert_scores(scores, oracles, relative=2e-5)
    scores.reset()
    scores.add_logits((logits * 8).astype(numpy.float32), scale=0.125, causal=True, threads=2)
    assert_scores(scores, oracles, relative=2e-5)


def test_a_cache_that_evicts(rng):
    """Steps of decoding, after each of which both groups keep other keys."""
    scores = attnscope.KeyScores(heads=4, groups=2, max_keys=64)
    oracles = [Oracle() for _ in range(4)]
    keys = 20
    for _ in range(12):
        rows = softmax(3 * rng.normal(size=(4, 1, keys))).astype(numpy.float32)
        scores.add_weights(rows)
        for one, row in zip(oracles, rows):
            one.add(row)
        assert_scores(scores, oracles)
        for group in range(2):
            pair = oracles[2 * group : 2 * group + 2]
            total = pair[0].scores() + pair[1].scores()
            middle = numpy.argsort(-total[2 : keys - 4], kind="stable")[:8] + 2
            expected = sorted([0, 1, *middle, *range(keys - 4, keys)])
            kept = scores.top_keys(8, first=2, recent=4, group=group)
            assert kept.dtype == numpy.int64 and kept.tolist() == expected
            scores.keep(kept, group=group)
            for one in pair:
                one.keep(expected)
        assert_scores(scores, oracles)
        keys = 15


@pytest.mark.parametrize("window", [0, 6])
def test_edits_of_all_groups(rng, window):
    weights = softmax(rng.normal(size=(2, 9, 30))).astype(numpy.float32)
    scores = attnscope.KeyScores(heads=2, max_keys=40, window=window)
    oracles = [Oracle(window) for _ in range(2)]
    scores.add_weights(weights)
    for one, rows in zip(oracles, weights):
        one.add(rows)
    steps = [
        ("remove", ([3, 4, 17],), lambda one: one.keep([j for j in range(30) if j not in (3, 4, 17)])),
        ("clear", (numpy.array([0, 9]),), lambda one: one.clear([0, 9])),
        ("shift", (5, 12, -3), lambda one: one.shift(5, 12, -3)),
        ("shift", (20, 27, 4), lambda one: one.shift(20, 27, 4)),
        ("keep", ((0, 2, 30),), lambda one: one.keep([0, 2, 30])),
        ("keep", ([],), lambda one: one.keep([])),
    ]
    for name, arguments, of_oracle in steps:
        getattr(scores, name)(*arguments)
        for one in oracles:
            of_oracle(one)
        assert_scores(scores, oracles)


def test_sequences_end_apart(rng):
    weights = softmax(rng.normal(size=(2, 3, 8, 16))).astype(numpy.float32)
    scores = attnscope.KeyScores(heads=3, max_keys=16, max_batch=2)
    scores.add_weights(weights[0], first_sequence=1)
    assert scores.keys(0) == 0 and scores.keys(1) == 16
    scores.add_weights(weights[1])
    scores.end_sequence(1)
    assert scores.keys(1) == 0 and scores.rows(1) == 0 and scores.scores(1).shape == (0,)
    numpy.testing.assert_allclose(scores.scores(0, 2), weights[1, 2].sum(axis=0, dtype=float), rtol=2e-6)
    scores.end_sequence()
    assert scores.keys() == 0


def test_threads_share_one_object(rng):
    weights = softmax(rng.normal(size=(2, 16, 32))).astype(numpy.float32)
    scores = attnscope.KeyScores(heads=2, max_keys=32)
    threads = [
        threading.Thread(target=lambda: [scores.add_weights(weights) and scores.scores() for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scores.rows() == 4 * 50 * 16
    numpy.testing.assert_allclose(scores.scores(), 200 * weights[0].sum(axis=0, dtype=float), rtol=2e-6)


def test_attached_scores_are_those_of_their_own_calls(rng):
    """To the last bit, also where the accumulator gets more room; None detaches."""
    queries, keys = (rng.normal(size=(4, n, 16)).astype(numpy.float32) for n in (24, 40))
    alone, attached = (attnscope.KeyScores(heads=4, groups=2, max_keys=64) for _ in range(2))
    layer = attnscope.LayerAccumulator(heads=4, max_keys=40)
    layer.attach(attached)
    for begin, end in ((0, 9), (9, 24)):
        alone.add_queries_keys(queries[:, begin:end], keys, causal_offset=16 + begin, causal=True)
        layer.add_queries_keys(queries[:, begin:end], keys, causal_offset=16 + begin, causal=True)
        layer.reserve(max_keys=50)
    for group in range(2):
        assert numpy.array_equal(alone.scores(0, group), attached.scores(0, group))
    assert attached.rows() == 24 and layer.stats().layer["rows"] == 4 * 24
    with pytest.raises(ValueError, match="65"):
        layer.reserve(max_keys=65)
    assert layer.max_keys == 50
    copy = pickle.loads(pickle.dumps(layer))
    layer.attach(None)
    for one in (layer, copy):
        one.add_queries_keys(queries, keys)
    assert attached.rows() == 24


def test_attached_scores_may_be_used_by_other_threads(rng):
    weights = softmax(rng.normal(size=(2, 16, 32))).astype(numpy.float32)
    scores = attnscope.KeyScores(heads=2, max_keys=32)
    layers = [attnscope.LayerAccumulator(heads=2, max_keys=32) for _ in range(3)]
    for layer in layers:
        layer.attach(scores)
    threads = [threading.Thread(target=lambda a=a: [a.add_weights(weights) for _ in range(50)]) for a in (*layers, scores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scores.rows() == 4 * 50 * 16
    numpy.testing.assert_allclose(scores.scores(), 200 * weights[0].sum(axis=0, dtype=float), rtol=2e-6)
    del scores
    layers[0].add_weights(weights)  # which still holds them


def test_scores_that_cannot_be_attached():
    layer = attnscope.LayerAccumulator(heads=4, max_keys=40)
    for keywords, named in ((dict(heads=2, max_keys=40), "2"), (dict(heads=4, max_keys=39), "39")):
        with pytest.raises(ValueError, match=named):
            layer.attach(attnscope.KeyScores(**keywords))
    with pytest.raises(TypeError):
        layer.attach(3)
    mean = attnscope.LayerAccumulator(heads=4, max_keys=40, mean_matrix=True)
    with pytest.raises(ValueError, match="mean"):
        mean.attach(attnscope.KeyScores(heads=4, max_keys=40))


def test_properties_and_configuration():
    scores = attnscope.KeyScores(heads=6, max_keys=9, max_batch=2, window=3, decay=0.5)
    assert (scores.heads, scores.groups, scores.max_keys, scores.max_batch) == (6, 6, 9, 2)
    assert (scores.window, scores.decay) == (3, 0.5)
    for keywords in (dict(heads=0), dict(groups=4), dict(max_keys=0), dict(max_batch=0), dict(window=10**6), dict(decay=1.5)):
        with pytest.raises(ValueError, match=str(list(keywords.values())[0])):
            attnscope.KeyScores(**{**dict(heads=6, max_keys=9), **keywords})
    with pytest.raises(TypeError):
        attnscope.KeyScores(heads=2)


@pytest.mark.parametrize(
    "call, arguments, kind, message",
    [
        ("scores", dict(group=2), ValueError, "2"),
        ("scores", dict(sequence=1), ValueError, "1"),
        ("head_scores", dict(head=4), ValueError, "4"),
        ("head_scores", dict(sequence=7), ValueError, "7"),
        ("top_keys", dict(group=2), ValueError, "2"),
        ("keep", dict(keys=[0, 10]), ValueError, "10"),
        ("keep", dict(keys=[3, 3]), ValueError, "3"),
        ("keep", dict(keys=[1], group=2), ValueError, "2"),
        ("remove", dict(keys=[1], sequence=9), ValueError, "9"),
        ("keep", dict(keys=[-1]), ValueError, "keys is -1, expected a whole number >= 0"),
        ("clear", dict(keys=[1.5]), TypeError, "keys is 1.5, expected a whole number"),
        ("clear", dict(keys=3), TypeError, "keys is 3, expected whole numbers, ascending"),
        ("clear", dict(keys="12"), TypeError, "keys is '12'"),
        ("shift", dict(begin=2, end=1, delta=0), ValueError, "2"),
        ("shift", dict(begin=0, end=3, delta=-1), ValueError, "-1"),
        ("shift", dict(begin=0, end=10, delta=7), ValueError, "16"),
        ("end_sequence", dict(sequence=1), ValueError, "1"),
        ("add_weights", dict(weights=numpy.ones((4, 1, 9), "f4")), ValueError, "9"),
        ("add_weights", dict(weights=numpy.ones((4, 1, 17), "f4")), ValueError, "17"),
        ("add_weights", dict(weights=numpy.ones((5, 1, 12), "f4")), ValueError, "5"),
        ("add_weights", dict(weights=numpy.ones((4, 1, 12))), ValueError, "weights has dtype float64"),
        ("add_weights", dict(weights=numpy.ones((4, 1, 12), "f4"), rows=True), TypeError, "no keyword 'rows'"),
        ("add_logits", dict(logits=numpy.ones((4, 1, 12), "f4"), scale=numpy.inf), ValueError, "scale"),
    ],
)
def test_bad_arguments_change_nothing(rng, call, arguments, kind, message):
    scores = attnscope.KeyScores(heads=4, groups=2, max_keys=16)
    scores.add_weights(softmax(rng.normal(size=(4, 3, 10))).astype(numpy.float32))
    before = [scores.scores(0, group) for group in range(2)]
    with pytest.raises(kind, match=message):
        getattr(scores, call)(**arguments)
    for group in range(2):
        assert numpy.array_equal(scores.scores(0, group), before[group])
    assert scores.rows() == 3
