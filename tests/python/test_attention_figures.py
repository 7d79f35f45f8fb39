# SPDX-License-Identifier: Apache-2.0
"""Maps of attention and profiles of keys against NumPy, and the figures that are drawn from them."""
import gc
import re

import numpy
import pytest
from conftest import softmax

import attnscope


def pooled(weights, seen, cells):
    """Of one matrix: the largest visible weight of each cell, -1 of hidden ones, NaN of invalid ones."""
    queries, keys = weights.shape
    rows, columns = min(cells, queries), min(cells, keys)
    values = numpy.where(seen, weights, -1)
    invalid = seen & ~(numpy.isfinite(weights) & (weights >= 0))
    out = numpy.full((rows, columns), -1.0)
    for r in range(rows):
        for c in range(columns):
            cell = numpy.s_[
                r * queries // rows : (r + 1) * queries // rows, c * keys // columns : (c + 1) * keys // columns
            ]
            out[r, c] = numpy.nan if invalid[cell].any() else values[cell].max()
    return out


def causal(queries, keys):
    return numpy.arange(keys) <= numpy.arange(queries)[:, None] + keys - queries


@pytest.mark.parametrize("cells", [1, 7, 24, 64, 4096])
def test_maps_of_weights(rng, cells):
    seen = causal(24, 40)
    weights = softmax(numpy.where(seen, 3 * rng.normal(size=(1, 3, 24, 40)), -numpy.inf)).astype(numpy.float32)
    weights[0, 1, 5, 2] = numpy.nan
    weights[0, 2, 0, 0] = -1
    maps = attnscope.attention_maps(weights, causal=True, layer=4, first_head=8, cells=cells)
    assert [(one.layer, one.head, one.queries, one.keys) for one in maps] == [(4, head, 24, 40) for head in (8, 9, 10)]
    for head, one in enumerate(maps):
        assert one.cells.dtype == numpy.float32
        numpy.testing.assert_array_equal(one.cells, pooled(weights[0, head], seen, cells).astype(numpy.float32))


def test_sequences_fall_on_one_another(weights):
    for head, one in enumerate(attnscope.attention_maps(weights, cells=8)):
        expected = numpy.maximum(*(pooled(weights[b, head], numpy.ones((24, 40), bool), 8) for b in range(2)))
        numpy.testing.assert_array_equal(one.cells, expected.astype(numpy.float32))


def test_maps_of_logits_and_of_queries_and_keys(rng):
    queries = rng.normal(size=(4, 24, 16)).astype(numpy.float32)
    keys = rng.normal(size=(2, 40, 16)).astype(numpy.float32)
    logits = queries.astype(numpy.float64) @ numpy.repeat(keys, 2, axis=0).swapaxes(1, 2) / 4
    weights = softmax(numpy.where(causal(24, 40), logits, -numpy.inf))
    of_logits = attnscope.attention_maps(logits=logits.astype(numpy.float32), causal=True, cells=10, threads=2)
    of_keys = attnscope.attention_maps(queries=queries, keys=keys, causal=True, cells=10)
    for head in range(4):
        expected = pooled(weights[head], causal(24, 40), 10)
        numpy.testing.assert_allclose(of_logits[head].cells, expected, rtol=1e-4, atol=1e-7)
        numpy.testing.assert_allclose(of_keys[head].cells, expected, rtol=1e-4, atol=1e-7)


def test_cells_outlive_their_map(weights):
    cells = attnscope.attention_maps(weights)[1].cells
    copy = cells.copy()
    gc.collect()
    assert numpy.array_equal(cells, copy)


def test_key_profile(rng):
    sums = rng.random((3, 40))
    rows = numpy.array([10, 0, 20])
    profile = attnscope.key_profile(sums, rows, layer=5)
    assert (profile.layer, profile.heads) == (5, 2)
    shares = sums[[0, 2]] / rows[[0, 2], None]
    numpy.testing.assert_allclose(profile.mean, shares.mean(axis=0), rtol=1e-12)
    largest = int(shares.max(axis=1).argmax())
    assert profile.largest_head == (0, 2)[largest]
    numpy.testing.assert_allclose(profile.largest, shares[largest], rtol=1e-12)
    of_one = attnscope.key_profile(sums[:1].tolist(), 10)
    assert of_one.largest_head is None and len(of_one.largest) == 0
    numpy.testing.assert_allclose(of_one.mean, sums[0] / 10, rtol=1e-12)


def test_key_profile_of_a_layer(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    layer.add_weights(weights)
    sums = [layer.column_sums(0, head) + layer.column_sums(1, head) for head in range(3)]
    profile = attnscope.key_profile(sums, 2 * 24)
    numpy.testing.assert_allclose(profile.mean, weights.mean(axis=(0, 1, 2), dtype=float), rtol=1e-6)


def assert_drawn(figure, texts):
    assert figure.png[:8] == b"\x89PNG\r\n\x1a\n" and figure.rgb.shape == (900, 1200, 3)
    assert figure.rgb.std() > 5
    for text in texts:
        assert re.search(rf">[^<]*{text}[^<]*<", figure.svg), text


def test_figure_of_maps(weights):
    maps = [one for layer in (7, 3) for one in attnscope.attention_maps(weights, layer=layer)]
    figure = attnscope.Figure("maps", maps=maps, width=1200, height=900)
    assert_drawn(figure, ["7", "3"])
    assert figure.png == attnscope.Figure("maps", maps=maps[::-1], width=1200, height=900).png
    other = attnscope.Figure("maps", maps=maps[:3], width=1200, height=900)
    assert other.png != figure.png


def test_figure_of_keys(weights):
    sums = weights[0].sum(axis=1, dtype=float)
    profiles = [attnscope.key_profile(sums, 24, layer=layer) for layer in (7, 3)]
    assert_drawn(attnscope.Figure("keys", keys=profiles, width=1200, height=900), ["7", "3"])


def test_figures_with_the_verdicts_of_a_report(tmp_path):
    ill = numpy.zeros((1, 2, 64, 64), numpy.float32)
    ill[..., 0] = 1
    layer = attnscope.LayerAccumulator(heads=2, max_keys=64)
    layer.add_weights(ill)
    report = attnscope.Report({0: layer})
    maps = attnscope.attention_maps(ill)
    with_report = report.figure("maps", maps=maps)
    assert with_report.svg != attnscope.Figure("maps", maps=maps).svg
    with_report.save(tmp_path / "maps.png")
    with_report.save(tmp_path / "maps.svg")
    assert (tmp_path / "maps.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "maps.svg").read_text() == with_report.svg
    profile = attnscope.key_profile([layer.column_sums(0, head) for head in range(2)], 64)
    assert report.figure("keys", keys=[profile]).svg != attnscope.Figure("keys", keys=[profile]).svg


@pytest.mark.parametrize(
    "arguments, kind, message",
    [
        (dict(), TypeError, r"attention_maps\(\) takes one of: weights; logits=; queries= and keys="),
        (dict(cells=0), ValueError, "cells is 0, expected 1 to 4096"),
        (dict(cells=4097), ValueError, "cells is 4097, expected 1 to 4096"),
        (dict(layer=-1), ValueError, "layer is -1"),
        (dict(weights=numpy.ones((4, 4))), ValueError, "weights has dtype float64"),
        (dict(weights=numpy.ones((4, 4), "f4"), rows=True), TypeError, r"attention_maps\(\) has no keyword 'rows'"),
        (dict(weights=numpy.ones((4, 4), "f4"), key_lengths=[5]), ValueError, "5"),
    ],
)
def test_bad_arguments_of_maps(arguments, kind, message):
    with pytest.raises(kind, match=message):
        attnscope.attention_maps(**arguments)


@pytest.mark.parametrize(
    "sums, rows, keywords, message",
    [
        (numpy.ones(4), 3, {}, r"column_sums is \[4\] and rows \[4\], expected \[heads, keys\] and \[heads\]"),
        (numpy.ones((2, 4)), [1, 2, 3], {}, r"column_sums is \[2, 4\] and rows \[3\]"),
        (numpy.ones((2, 4)), [1, -2], {}, "-2"),
        (numpy.full((2, 4), numpy.nan), 1, {}, "nan"),
        (numpy.ones((2, 4)), 1, dict(layer=-3), "layer is -3"),
        (numpy.ones((0, 4)), 1, {}, "head"),
    ],
)
def test_bad_arguments_of_profiles(sums, rows, keywords, message):
    with pytest.raises(ValueError, match=message):
        attnscope.key_profile(sums, rows, **keywords)


def test_bad_figures(weights):
    maps = attnscope.attention_maps(weights)
    with pytest.raises(ValueError, match="kind is 'map', expected 'summary', 'heads', 'history', 'keys' or 'maps'"):
        attnscope.Figure("map")
    with pytest.raises(ValueError, match="map"):
        attnscope.Figure("maps").png
    with pytest.raises(ValueError):
        attnscope.Figure("summary", maps=maps).png
    with pytest.raises(ValueError):
        attnscope.Figure("maps", maps=maps * 2).png
    with pytest.raises((TypeError, AttributeError)):
        attnscope.Figure("maps", maps=[3])
