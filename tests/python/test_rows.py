# SPDX-License-Identifier: Apache-2.0
"""What each row measures, against its definitions in float64; column sums of open sequences."""
import gc
import pickle
import sys

import numpy
import pytest
from conftest import softmax

import attnscope

FROM_WEIGHTS = {
    "entropy", "effective_rank", "max_weight", "argmax", "row_sum", "visible_keys", "first_token_weight", "self_weight",
    "previous_weight", "top5", "top10", "top50",
}
UNIFORM = numpy.full((2, 3, 24, 40), 1 / 40, numpy.float32)
FROM_LOGITS = FROM_WEIGHTS | {"logsumexp", "max_logit"}


def row_of(weights, seen, position):
    """The definitions, of one row's weights in float64; `position` is the query's own key."""
    row = numpy.where(seen, weights, 0.0)
    out = dict.fromkeys(FROM_WEIGHTS, numpy.nan)
    out.update(argmax=-1, visible_keys=seen.sum())
    if not (numpy.isfinite(row) & (row >= 0)).all():
        return {**out, "visible_keys": -1}
    if row.sum() == 0:
        return out
    positive = row[row > 0]
    out["entropy"] = -(positive * numpy.log(positive)).sum()
    out["effective_rank"] = numpy.exp(out["entropy"])
    out.update(max_weight=row.max(), argmax=row.argmax(), row_sum=row.sum(), first_token_weight=row[0])
    for name, key in (("self_weight", position), ("previous_weight", position - 1)):
        out[name] = row[key] if 0 <= key < len(row) else numpy.nan
    for k in (5, 10, 50):
        out[f"top{k}"] = numpy.sort(row)[::-1][:k].sum()
    return out


@pytest.mark.parametrize("top_k", [(1, 5, 128), [3], tuple(range(57, 65))])
def test_top_masses_of_any_k(rng, top_k):
    weights = softmax(2 * rng.normal(size=(1, 3, 24, 300))).astype(numpy.float32)
    largest = numpy.sort(weights.astype(numpy.float64), axis=-1)[..., ::-1]
    names = [f"top{k}" for k in top_k]
    layer = attnscope.LayerAccumulator(heads=3, max_keys=300, top_k=top_k)
    assert layer.top_k == tuple(top_k)
    rows = layer.add_weights(weights, rows=names)
    alone = attnscope.measure_rows(weights, outputs=names, top_k=top_k)
    assert list(rows) == list(alone) == names
    stats = layer.stats()
    assert [name for name in stats.layer if name.startswith("top")] == names
    for k, name in zip(top_k, names):
        exact = largest[..., :k].sum(axis=-1)
        numpy.testing.assert_allclose(rows[name], exact, rtol=2e-6)
        numpy.testing.assert_array_equal(alone[name], rows[name])
        numpy.testing.assert_allclose(stats.heads[name], exact.mean(axis=(0, 2)), rtol=2e-6)
    again = pickle.loads(pickle.dumps(layer))
    assert again.top_k == tuple(top_k) and again.stats().layer == stats.layer
    loaded = attnscope.LayerAccumulator.from_state(layer.state(layer=3), max_keys=300)
    assert loaded.top_k == tuple(top_k) and loaded.stats().layer[names[0]] == stats.layer[names[0]]
    with pytest.raises(ValueError, match="different top_k: .* and 5, 10, 50"):
        layer.merge(attnscope.LayerAccumulator(heads=3, max_keys=300))


def test_top_k_that_cannot_be():
    for wrong in ((), (0,), (5, 5), (1025,), range(1, 10)):
        with pytest.raises(ValueError, match="top_k "):
            attnscope.LayerAccumulator(max_keys=8, top_k=wrong)
    for wrong in ((0,), (5, 5), (1025,), range(1, 10)):
        with pytest.raises(ValueError, match="top_k "):
            attnscope.measure_rows(UNIFORM, outputs=["entropy"], top_k=wrong)
    assert not [name for name in attnscope.measure_rows(UNIFORM, top_k=()) if name.startswith("top")]
    for wrong in (5, "5", (5.5,), (-1,)):
        with pytest.raises(TypeError, match="top_k is "):
            attnscope.LayerAccumulator(max_keys=8, top_k=wrong)


def expected_rows(weights, seen=True, offset=None):
    weights = numpy.asarray(weights, numpy.float64)
    seen = numpy.broadcast_to(seen, weights.shape)
    offset = weights.shape[3] - weights.shape[2] if offset is None else offset
    found = {name: numpy.zeros(weights.shape[:3]) for name in FROM_WEIGHTS}
    for place in numpy.ndindex(weights.shape[:3]):
        for name, value in row_of(weights[place], seen[place], place[2] + offset).items():
            found[name][place] = value
    return found


def assert_rows(rows, expected, names=None, relative=2e-5):
    assert set(rows) == (set(expected) if names is None else set(names))
    for name, array in rows.items():
        is_whole = name in ("argmax", "visible_keys")
        assert array.dtype == (numpy.int64 if is_whole else numpy.float64), name
        numpy.testing.assert_allclose(array, expected[name], rtol=0 if is_whole else relative, atol=2e-6, err_msg=name)


def logit_rows(logits, seen):
    """Of logits in float64, what weights do not tell."""
    hidden = numpy.where(seen, logits, -numpy.inf)
    largest = hidden.max(axis=-1)
    total = numpy.exp(hidden - largest[..., None]).sum(axis=-1)
    return {"max_logit": largest, "logsumexp": largest + numpy.log(total)}


def causal(queries, keys, offset=None):
    offset = keys - queries if offset is None else offset
    return numpy.arange(keys) <= numpy.arange(queries)[:, None] + offset


def test_weights(weights):
    assert_rows(attnscope.measure_rows(weights), expected_rows(weights))


@pytest.mark.parametrize("offset", [None, 0, 5, -3])
def test_causal_rows_and_rows_without_keys(rng, offset):
    seen = causal(24, 40, offset)
    logits = numpy.where(seen, 2 * rng.normal(size=(2, 3, 24, 40)), -numpy.inf)
    weights = softmax(logits).astype(numpy.float32)
    keywords = {} if offset is None else {"causal_offset": offset}
    expected = expected_rows(weights, seen, offset)
    assert_rows(attnscope.measure_rows(weights, causal=True, **keywords), expected)
    assert (expected["visible_keys"] == 0).any() == (offset == -3)


def test_rows_that_are_no_distributions(weights):
    weights[0, 1, 3] = 0
    weights[1, 2, 5, 7] = numpy.nan
    weights[1, 0, 0, 39] = numpy.inf
    weights[0, 0, 23, 0] = -0.5
    rows = attnscope.measure_rows(weights)
    assert_rows(rows, expected_rows(weights))
    assert (rows["visible_keys"] == -1).sum() == 3 and numpy.isnan(rows["entropy"]).sum() == 4


@pytest.mark.parametrize("dimensions", [2, 3, 4])
def test_rows_are_of_four_dimensions(weights, dimensions):
    value = weights[(0,) * (4 - dimensions)]
    whole = value.reshape((1,) * (4 - dimensions) + value.shape)
    assert_rows(attnscope.measure_rows(value), expected_rows(whole))


def test_logits(rng):
    logits = (3 * rng.normal(size=(2, 3, 24, 40))).astype(numpy.float32)
    bias = rng.normal(size=(3, 1, 40)).astype(numpy.float32)
    seen = causal(24, 40)
    capped = 5 * numpy.tanh(logits.astype(numpy.float64) * 0.5 / 5) + bias
    expected = {**expected_rows(softmax(numpy.where(seen, capped, -numpy.inf)), seen), **logit_rows(capped, seen)}
    rows = attnscope.measure_rows(logits=logits, scale=0.5, soft_cap=5, bias=bias, causal=True)
    assert_rows(rows, expected)
    assert set(rows) == FROM_LOGITS


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_queries_keys(rng, kv_heads):
    queries = rng.normal(size=(2, 4, 24, 16)).astype(numpy.float32)
    keys = rng.normal(size=(2, kv_heads, 40, 16)).astype(numpy.float32)
    logits = queries.astype(numpy.float64) @ numpy.repeat(keys, 4 // kv_heads, axis=1).swapaxes(2, 3) / 4
    seen = causal(24, 40)
    expected = {**expected_rows(softmax(numpy.where(seen, logits, -numpy.inf)), seen), **logit_rows(logits, seen)}
    assert_rows(attnscope.measure_rows(queries=queries, keys=keys, causal=True), expected)


def test_some_outputs(weights):
    expected = expected_rows(weights)
    rows = attnscope.measure_rows(weights, outputs=["argmax", "top10", "argmax"])
    assert_rows(rows, expected, ["argmax", "top10"])
    assert list(rows) == ["argmax", "top10"]
    assert attnscope.measure_rows(weights, outputs=()) == {}


def test_no_rows(weights):
    rows = attnscope.measure_rows(weights[:, :, :0])
    assert {array.shape for array in rows.values()} == {(2, 3, 0)}


def test_threads_give_the_same_bits(rng):
    logits = rng.normal(size=(3, 4, 64, 64)).astype(numpy.float32)
    one, two = (attnscope.measure_rows(logits=logits, causal=True, threads=threads) for threads in (1, 2))
    for name in one:
        assert numpy.array_equal(one[name], two[name], equal_nan=True), name


def test_arrays_outlive_the_call_and_are_given_back(weights):
    before = sys.getrefcount(weights)
    entropy = attnscope.measure_rows(weights, outputs=["entropy"])["entropy"]
    gc.collect()
    assert sys.getrefcount(weights) == before
    assert entropy.flags.c_contiguous and entropy.flags.writeable
    entropy += 1
    numpy.testing.assert_allclose(entropy - 1, expected_rows(weights)["entropy"], rtol=2e-5)


def test_rows_of_an_accumulator(rng):
    """In the same pass, the same bits as alone; None unless they are asked for."""
    logits = rng.normal(size=(2, 4, 24, 40)).astype(numpy.float32)
    weights = softmax(logits).astype(numpy.float32)
    queries, keys = (rng.normal(size=(2, 4, n, 16)).astype(numpy.float32) for n in (24, 40))
    with_rows, without = (attnscope.LayerAccumulator(heads=4, max_keys=40, max_batch=2) for _ in range(2))
    found = [
        with_rows.add_weights(weights, rows=True, causal=True),
        with_rows.add_logits(logits, rows=True, causal=True),
        with_rows.add_queries_keys(queries, keys, rows=True, causal=True),
    ]
    assert without.add_weights(weights, causal=True) is None
    assert without.add_logits(logits, causal=True, rows=False) is None
    assert without.add_queries_keys(queries, keys, causal=True, rows=None) is None
    alone = [
        attnscope.measure_rows(weights, causal=True),
        attnscope.measure_rows(logits=logits, causal=True),
        attnscope.measure_rows(queries=queries, keys=keys, causal=True),
    ]
    for one, other in zip(found, alone):
        assert set(one) == set(other)
        for name in one:
            assert numpy.array_equal(one[name], other[name], equal_nan=True), name
    assert numpy.array_equal(with_rows.sums(), without.sums())
    assert with_rows.add_weights(weights, rows=("entropy",)).keys() == {"entropy"}


def test_rows_of_the_mean_matrix(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2, mean_matrix=True)
    mean = weights.mean(axis=(0, 1), dtype=numpy.float64)[None, None]
    assert_rows(layer.add_weights(weights, rows=True), expected_rows(mean), relative=1e-4)
    with pytest.raises(ValueError, match="rows has 'logsumexp', expected one of: entropy, .*top50$"):
        layer.add_logits(weights, rows=["logsumexp"])


@pytest.mark.parametrize(
    "arguments, kind, message",
    [
        (dict(), TypeError, "takes one of: weights; logits=; queries= and keys="),
        (dict(weights=1, logits=1), TypeError, "takes one of"),
        (dict(queries=1), TypeError, "takes one of"),
        (dict(weights=UNIFORM, outputs=["entropi"]), ValueError, "outputs has 'entropi', expected one of: entropy, "),
        (dict(weights=UNIFORM, outputs=["logsumexp"]), ValueError, "outputs has 'logsumexp', expected one of"),
        (dict(weights=UNIFORM, outputs=[3]), ValueError, "outputs has 3, expected one of"),
        (dict(weights=UNIFORM, outputs="entropy"), TypeError, "outputs is 'entropy', expected True or a list of names"),
        (dict(weights=UNIFORM, outputs=False), TypeError, "outputs is False, expected True or a list"),
        (dict(weights=UNIFORM, scale=2.0), TypeError, r"measure_rows\(\) has no keyword 'scale'; it has copy"),
        (dict(logits=UNIFORM, null_mass=True), TypeError, r"measure_rows\(\) has no keyword 'null_mass'"),
        (dict(logits=UNIFORM, scale=numpy.nan), ValueError, "scale"),
        (dict(weights=UNIFORM, key_lengths=[1, 41]), ValueError, "41"),
        (dict(weights=[[1.0]]), TypeError, "weights is of type list"),
        (dict(logits=numpy.ones((4, 4))), ValueError, "logits has dtype float64"),
        (dict(queries=numpy.ones((3, 4), "f4"), keys=numpy.ones((3, 5), "f4")), ValueError, "3, 4|dimensions"),
    ],
)
def test_bad_arguments(arguments, kind, message):
    with pytest.raises(kind, match=message):
        attnscope.measure_rows(**arguments)


def test_bad_rows_of_an_accumulator_change_nothing(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    with pytest.raises(TypeError, match="rows is 1, expected True or a list of names"):
        layer.add_weights(weights, rows=1)
    with pytest.raises(ValueError, match="rows has 'x'"):
        layer.add_logits(weights, rows=["x"])
    with pytest.raises(ValueError, match="41"):
        layer.add_weights(weights, rows=True, key_lengths=[1, 41])
    assert layer.stats().layer.get("rows", 0) == 0


def test_column_sums(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=64, max_batch=2)
    assert layer.column_sums().shape == (0,)
    layer.add_weights(weights[:, :, :10])
    layer.add_weights(weights[:, :, 10:])
    expected = weights.sum(axis=2, dtype=numpy.float64)
    for sequence in range(2):
        for head in range(3):
            sums = layer.column_sums(sequence, head)
            assert sums.dtype == numpy.float64
            numpy.testing.assert_allclose(sums, expected[sequence, head], rtol=1e-6)
    layer.end_sequence(1)
    assert layer.column_sums(sequence=1, head=0).shape == (0,)
    assert layer.column_sums(sequence=0, head=2).shape == (40,)
    for place in ((2, 0), (0, 3)):
        with pytest.raises(ValueError, match=str(max(place))):
            layer.column_sums(*place)
    with pytest.raises(ValueError, match="sequence is -1"):
        layer.column_sums(-1)
