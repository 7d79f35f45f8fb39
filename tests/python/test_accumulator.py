# SPDX-License-Identifier: Apache-2.0
"""LayerAccumulator against an oracle of its own."""
import pickle

import numpy
import oracle
import pytest
from conftest import softmax

import attnscope


def causal_mask(queries, keys, offset=None):
    offset = keys - queries if offset is None else offset
    return numpy.arange(keys) <= numpy.arange(queries)[:, None] + offset


def accumulate(weights, **keywords):
    layer = attnscope.LayerAccumulator(heads=weights.shape[1], max_keys=weights.shape[3], max_batch=weights.shape[0])
    layer.add_weights(weights, **keywords)
    return layer


def test_weights(weights):
    stats = accumulate(weights).stats()
    oracle.assert_close(stats, oracle.metrics(weights))
    assert stats.layer["rows"] == 2 * 3 * 24
    assert isinstance(stats.layer["rows"], int)
    assert stats.layer["matrices"] == 6
    assert stats.layer["entropy"] == pytest.approx(oracle.metrics(weights)["entropy"].mean(), rel=1e-6)


@pytest.mark.parametrize("offset", [None, 0, 5, -3])
def test_causal(rng, offset):
    seen = causal_mask(24, 40, offset)
    logits = numpy.where(seen, 2 * rng.normal(size=(2, 3, 24, 40)), -numpy.inf)
    weights = softmax(logits).astype(numpy.float32)
    stats = accumulate(weights, causal=True, **({} if offset is None else {"causal_offset": offset})).stats()
    oracle.assert_close(stats, oracle.metrics(weights, seen))


def test_masked_weights_are_not_read(rng):
    seen = causal_mask(24, 40)
    weights = softmax(numpy.where(seen, rng.normal(size=(2, 3, 24, 40)), -numpy.inf)).astype(numpy.float32)
    expected = oracle.metrics(weights, seen)
    weights[:, :, ~seen] = numpy.nan
    oracle.assert_close(accumulate(weights, causal=True).stats(), expected)


@pytest.mark.parametrize("lengths", [[7, 40], (7, 40), numpy.array([7, 40]), numpy.array([7, 40], numpy.int32)])
def test_key_lengths(rng, lengths):
    seen = numpy.arange(40) < numpy.array([7, 40])[:, None, None, None]
    weights = softmax(numpy.where(seen, rng.normal(size=(2, 3, 24, 40)), -numpy.inf)).astype(numpy.float32)
    oracle.assert_close(accumulate(weights, key_lengths=lengths).stats(), oracle.metrics(weights, seen))


def test_logits(rng):
    logits = (3 * rng.normal(size=(2, 3, 24, 40))).astype(numpy.float32)
    bias = rng.normal(size=(3, 1, 40)).astype(numpy.float32)
    seen = causal_mask(24, 40)
    capped = 5 * numpy.tanh(logits.astype(numpy.float64) * 0.5 / 5) + bias
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    layer.add_logits(logits, scale=0.5, soft_cap=5, bias=bias, causal=True)
    oracle.assert_close(layer.stats(), oracle.metrics(softmax(numpy.where(seen, capped, -numpy.inf)), seen))
    for name, value in oracle.logit_metrics(capped, seen).items():
        assert layer.stats().layer[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_queries_keys(rng, kv_heads):
    queries = rng.normal(size=(2, 4, 24, 16)).astype(numpy.float32)
    keys = rng.normal(size=(2, kv_heads, 40, 16)).astype(numpy.float32)
    logits = queries.astype(numpy.float64) @ numpy.repeat(keys, 4 // kv_heads, axis=1).swapaxes(2, 3) / 4
    seen = causal_mask(24, 40)
    layer = attnscope.LayerAccumulator(heads=4, max_keys=40, max_batch=2)
    layer.add_queries_keys(queries, keys, causal=True)
    oracle.assert_close(layer.stats(), oracle.metrics(softmax(numpy.where(seen, logits, -numpy.inf)), seen))


def test_bias_hides_keys(rng):
    logits = rng.normal(size=(2, 3, 24, 40)).astype(numpy.float32)
    seen = rng.random((2, 1, 1, 40)) < 0.7
    bias = numpy.where(seen, 0, -numpy.inf).astype(numpy.float32)
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    layer.add_logits(logits, bias=bias)
    oracle.assert_close(layer.stats(), oracle.metrics(softmax(logits + bias), seen))


def test_rows_in_several_calls_and_threads_give_the_same_bits(rng):
    weights = softmax(rng.normal(size=(2, 3, 64, 64))).astype(numpy.float32)
    whole = accumulate(weights)
    parts = attnscope.LayerAccumulator(heads=3, max_keys=64, max_batch=2)
    for begin, end in ((0, 7), (7, 40), (40, 64)):
        parts.add_weights(weights[:, :, begin:end], threads=2)
    parts.end_sequence()
    whole.end_sequence()
    assert numpy.array_equal(whole.sums(), parts.sums())
    assert numpy.array_equal(whole.maxima(), parts.maxima())


def test_heads_and_sequences_apart(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    for sequence in range(2):
        for head in range(3):
            layer.add_weights(weights[sequence, head], first_sequence=sequence, first_head=head)
    layer.end_sequence(0)
    layer.end_sequence(1)
    oracle.assert_close(layer.stats(), oracle.metrics(weights))


def test_residual_and_gradient(rng):
    before = rng.normal(size=(2, 7, 9)).astype(numpy.float32)
    update = 0.3 * rng.normal(size=(2, 7, 9)).astype(numpy.float32)
    layer = attnscope.LayerAccumulator()
    layer.add_residual(before, before + update)
    gradients = [rng.normal(size=shape).astype(numpy.float32) for shape in ((5,), (3, 4))]
    for gradient in gradients:
        layer.add_gradient(gradient)
    values = layer.stats().layer
    ratios = numpy.linalg.norm(update.reshape(2, -1), axis=1) / numpy.linalg.norm(before.reshape(2, -1), axis=1)
    assert values["residual_ratio"] == pytest.approx(ratios.mean(), rel=1e-5)
    tokens = numpy.linalg.norm(update, axis=2) / numpy.linalg.norm(before, axis=2)
    assert values["token_residual_ratio"] == pytest.approx(tokens.mean(), rel=1e-5)
    squares = sum((gradient.astype(float) ** 2).sum() for gradient in gradients)
    assert values["gradient_norm"] == pytest.approx(squares**0.5, rel=1e-6)
    assert "entropy" not in values


def test_mean_matrix(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2, mean_matrix=True)
    layer.add_weights(weights)
    oracle.assert_close(layer.stats(), oracle.metrics(weights.mean(axis=(0, 1), dtype=numpy.float64)[None, None]), 1e-4)


def test_merge_is_the_whole(weights):
    whole = accumulate(weights)
    first = accumulate(weights[:1])
    second = accumulate(weights[1:])
    for layer in (first, second):
        layer.end_sequence()
    first.merge(second)
    oracle.assert_close(first.stats(), oracle.metrics(weights))
    assert first.stats().layer["rows"] == whole.stats().layer["rows"]
    with pytest.raises(ValueError, match="itself"):
        first.merge(first)
    with pytest.raises(ValueError):
        first.merge(attnscope.LayerAccumulator(heads=2))


@pytest.mark.parametrize("ended", [True, False])
def test_pickle_goes_on_where_it_was(weights, ended):
    whole = accumulate(weights[:, :, :10])
    if ended:
        whole.end_sequence()
    copy = pickle.loads(pickle.dumps(whole))
    for layer in (whole, copy):
        layer.add_weights(weights[:, :, 10:])
        layer.end_sequence()
    assert numpy.array_equal(whole.sums(), copy.sums())
    assert copy.heads == 3 and copy.max_keys == 40 and copy.max_batch == 2


def test_state_and_back(weights):
    layer = accumulate(weights)
    back = attnscope.LayerAccumulator.from_state(layer.state(layer=7), max_keys=40, max_batch=2)
    assert back.stats().layer == layer.stats().layer
    back.add_weights(weights)
    assert back.stats().layer["rows"] == 2 * layer.stats().layer["rows"]
    with pytest.raises(LookupError, match="no layer 3"):
        attnscope.LayerAccumulator.from_state(layer.state(layer=7), layer=3)
    with pytest.raises(ValueError):
        attnscope.LayerAccumulator.from_state(layer.state()[:-1])
    with pytest.raises(ValueError, match="-1"):
        layer.state(layer=-1)


def test_reset(weights):
    layer = accumulate(weights)
    layer.reset()
    assert layer.stats().layer.get("rows", 0) == 0


def test_sums_outlive_the_accumulator(weights):
    layer = accumulate(weights)
    sums = layer.sums()
    copy = sums.copy()
    del layer
    assert numpy.array_equal(sums, copy)


@pytest.mark.parametrize("room", [dict(max_keys=100), dict(max_batch=5), dict(max_keys=41, max_batch=3), {}])
def test_reserve_keeps_open_sequences(weights, room):
    """Rows before and after more room are one sequence, to the last bit."""
    whole = attnscope.LayerAccumulator(heads=3, max_keys=room.get("max_keys", 40), max_batch=room.get("max_batch", 2))
    grown = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    for layer in (whole, grown):
        layer.add_logits(weights[:, :, :5])
        layer.end_sequence()
        layer.add_logits(weights[:, :, :7])
    before = grown.sums()
    copy = before.copy()
    grown.reserve(**room)
    assert numpy.array_equal(before, copy)
    for layer in (whole, grown):
        layer.add_logits(weights[:, :, 7:])
    assert numpy.array_equal(whole.sums(), grown.sums())
    assert numpy.array_equal(whole.maxima(), grown.maxima())
    wide = numpy.ones((3, 1, whole.max_keys), numpy.float32) / whole.max_keys
    grown.add_weights(wide, first_sequence=grown.max_batch - 1)
    with pytest.raises(ValueError):
        grown.reserve(max_keys=2**40)


def visible_rows(queries, keys, **what):
    """The definition of each keyword, key by key."""
    seen = numpy.ones((2, queries, keys), bool)
    segments = what.get("segments")
    for b in range(2):
        for i in range(queries):
            position = i + keys - queries
            for j in range(keys):
                seen[b, i, j] = (
                    (not what.get("causal") or j <= position)
                    and j >= what.get("first_keys", [0, 0])[b]
                    and j < what.get("key_lengths", [keys, keys])[b]
                    and i < what.get("query_lengths", [queries, queries])[b]
                )
                window, after = what.get("window", 0), what.get("window_after", -1)
                if window and what.get("window_kind") == "chunked":
                    seen[b, i, j] &= j >= position // window * window
                elif window:
                    seen[b, i, j] &= j > position - window
                if after >= 0:
                    seen[b, i, j] &= j <= position + after
                if segments is not None:
                    seen[b, i, j] &= numpy.searchsorted(segments, j, "right") == numpy.searchsorted(segments, position, "right")
    return seen[:, None]


@pytest.mark.parametrize(
    "what",
    [
        dict(first_keys=[3, 0]),
        dict(first_keys=[3, 0], key_lengths=[30, 40], causal=True),
        dict(query_lengths=[24, 9]),
        dict(window=7, causal=True),
        dict(window=7, window_after=2),
        dict(window=8, window_kind="chunked", causal=True),
        dict(segments=[0, 5, 20, 40], causal=True),
        dict(segments=numpy.array([0, 17, 40])),
    ],
    ids=lambda what: "-".join(what),
)
def test_visibility(rng, what):
    queries = rng.normal(size=(2, 3, 24, 16)).astype(numpy.float32)
    keys = rng.normal(size=(2, 3, 40, 16)).astype(numpy.float32)
    logits = (queries.astype(float) @ keys.swapaxes(2, 3)).astype(numpy.float32)
    seen = visible_rows(24, 40, **what)
    weights = softmax(numpy.where(seen, logits, -numpy.inf))
    for add, arguments, keywords in (
        ("add_weights", (weights.astype(numpy.float32),), {}),
        ("add_logits", (logits,), {}),
        ("add_queries_keys", (queries, keys), {"scale": 1.0}),
    ):
        layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
        getattr(layer, add)(*arguments, **what, **keywords)
        oracle.assert_close(layer.stats(), oracle.metrics(weights, seen, what.get("first_keys")), 1e-4)
        assert layer.stats().layer["masked_rows"] == 3 * (~seen.any(axis=-1)).sum()


@pytest.mark.parametrize("shape", [(2, 3, 24, 40), (2, 1, 24, 40), (24, 40), (1, 40), (2, 1, 1, 40), (24, 1), (40,)])
@pytest.mark.parametrize("dtype", [bool, numpy.uint8, numpy.int8])
def test_masks_of_bytes(rng, shape, dtype):
    mask = rng.random(shape) < 0.6
    logits = rng.normal(size=(2, 3, 24, 40)).astype(numpy.float32)
    seen = numpy.broadcast_to(mask, logits.shape)
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    layer.add_logits(logits, mask=mask.astype(dtype))
    oracle.assert_close(layer.stats(), oracle.metrics(softmax(numpy.where(seen, logits, -numpy.inf)), seen))


def test_sinks_and_finite_masks(rng):
    logits = rng.normal(size=(1, 3, 24, 40)).astype(numpy.float32)
    sinks = numpy.array([0.5, -1.0, -numpy.inf])
    bias = numpy.where(rng.random((24, 40)) < 0.7, 0, -1e9).astype(numpy.float32)
    exp = numpy.exp(logits.astype(float)) * (bias == 0)
    weights = exp / (exp.sum(axis=-1, keepdims=True) + numpy.exp(sinks)[None, :, None, None])
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40)
    layer.add_logits(logits, sinks=sinks, bias=bias)
    assert layer.stats().heads["null_mass"] == pytest.approx((1 - weights.sum(axis=-1)).mean(axis=(0, 2)), abs=1e-5)
    assert layer.stats().heads["max_row_weight"] == pytest.approx(weights.max(axis=-1).mean(axis=(0, 2)), rel=1e-5)
    slopes = numpy.array([1.0, 0.5, 0.25])
    distances = -numpy.abs(numpy.arange(40) - numpy.arange(24)[:, None] - 16).astype(numpy.float32)
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40)
    layer.add_logits(logits, bias=distances, bias_factors=slopes)
    oracle.assert_close(layer.stats(), oracle.metrics(softmax(logits + slopes[:, None, None] * distances)))


def test_weights_of_sinks(rng):
    weights = (0.7 * softmax(rng.normal(size=(1, 2, 24, 40)))).astype(numpy.float32)
    layer = attnscope.LayerAccumulator(heads=2, max_keys=40)
    layer.add_weights(weights, null_mass=True)
    values = layer.stats().layer
    assert values["null_mass"] == pytest.approx(0.3, abs=1e-5) and values["unnormalized_rows"] == 0
