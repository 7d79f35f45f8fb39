# SPDX-License-Identifier: Apache-2.0
"""attnscope.kernels against NumPy in float64."""
import numpy
import pytest
from conftest import softmax

import attnscope
from attnscope import kernels


def each_row(function, array):
    return numpy.apply_along_axis(function, -1, numpy.asarray(array, numpy.float64))


def entropy(row):
    positive = row[row > 0]
    return -(positive * numpy.log(positive)).sum()


OF_ROWS = {
    kernels.row_entropy: entropy,
    kernels.row_exp_entropy: lambda row: numpy.exp(entropy(row)),
    kernels.row_max: numpy.max,
    kernels.squared_norm: lambda row: (row**2).sum(),
}


@pytest.mark.parametrize("kernel", OF_ROWS, ids=lambda kernel: kernel.__name__)
@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float16])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_a_number_for_each_row(weights, kernel, dtype, dimensions):
    value = weights.astype(dtype)[(1,) * (4 - dimensions)]
    found = kernel(value)
    assert found.shape == value.shape[:-1] and found.dtype == numpy.float64
    numpy.testing.assert_allclose(found, each_row(OF_ROWS[kernel], value), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("k", [1, 3, 40, 50])
def test_top_k(rng, k):
    numbers = rng.normal(size=(2, 3, 24, 40)).astype(numpy.float32)
    numbers[0, 0, 0, :] = 7
    numbers[0, 0, 1, 5] = numpy.nan
    values, columns = kernels.top_k(numbers, k)
    assert values.dtype == numpy.float32 and columns.dtype == numpy.int64
    order = numpy.argsort(-numbers, axis=-1, kind="stable")[..., :k]
    expected = numpy.full(numbers.shape[:3] + (k,), numpy.nan, numpy.float32)
    expected[..., :40] = numpy.take_along_axis(numbers, order, axis=-1)
    places = numpy.full(expected.shape, -1)
    places[..., :40] = order
    expected[0, 0, 1], places[0, 0, 1] = numpy.nan, -1
    numpy.testing.assert_array_equal(values, expected)
    numpy.testing.assert_array_equal(columns, places)
    weights = softmax(rng.normal(size=(2, 3, 24, 40))).astype(numpy.float32)
    mass = each_row(lambda row: numpy.sort(row)[::-1][:k].sum(), weights)
    numpy.testing.assert_allclose(kernels.top_k_mass(weights, k), mass, rtol=1e-11)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
def test_columns(weights, dimensions):
    weights[1, 2, 3, 4] = numpy.nan
    value = weights[(1,) * (4 - dimensions)]
    rows = value.reshape((1,) * (2 - value.ndim) + value.shape)
    valid = numpy.where(numpy.isnan(rows).any(axis=-1, keepdims=True), 0.0, rows)
    shape = rows.shape[:-2] + (40,) if dimensions > 1 else (40,)
    for kernel, expected in ((kernels.column_sums, valid.sum(axis=-2)), (kernels.column_max, valid.max(axis=-2))):
        numpy.testing.assert_allclose(kernel(value), expected.reshape(shape), rtol=2e-6)


def test_softmax_entropy(rng):
    logits = (5 * rng.normal(size=(3, 24, 100))).astype(numpy.float32)
    logits[0, 0, :50] = -numpy.inf
    logits[0, 1] = -numpy.inf
    logits[0, 2, 9] = numpy.nan
    found, logsumexp = kernels.softmax_entropy(logits, scale=0.5)
    valid = numpy.ones((3, 24), bool)
    valid[0, 1:3] = False
    scaled = logits[valid].astype(float) / 2
    numpy.testing.assert_allclose(found[valid], each_row(entropy, softmax(scaled)), rtol=1e-5, atol=1e-5)
    largest = scaled.max(axis=-1)
    expected = largest + numpy.log(numpy.exp(scaled - largest[:, None]).sum(axis=-1))
    numpy.testing.assert_allclose(logsumexp[valid], expected, rtol=1e-5, atol=1e-5)
    assert numpy.isnan(found[0, 1:3]).all()
    assert logsumexp[0, 1] == -numpy.inf and numpy.isnan(logsumexp[0, 2])


def test_squared_distance(rng):
    before, after = rng.normal(size=(2, 5, 33)).astype(numpy.float32) * 1e30
    expected = ((before.astype(float) - after) ** 2).sum(axis=-1)
    numpy.testing.assert_allclose(kernels.squared_distance(before, after), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"from_ has shape \[5, 33\], to has \[4, 33\]"):
        kernels.squared_distance(before, after[:4])
    with pytest.raises(ValueError, match="type"):
        kernels.squared_distance(before, numpy.zeros(before.shape, numpy.float16))


def test_strides_are_read_in_place(rng):
    wide = rng.random((4, 6, 30, 50), numpy.float32)
    view = wide[::2, ::-1, 3:20:4, 7:40].transpose(1, 2, 0, 3)
    numpy.testing.assert_allclose(kernels.row_max(view), view.max(axis=-1))
    numpy.testing.assert_allclose(kernels.column_sums(view), view.sum(axis=-2, dtype=float), rtol=2e-6)


def test_rows_that_are_no_distributions():
    rows = numpy.array([[0, 0, 0], [numpy.nan, 0, 1], [numpy.inf, 0, 1], [-1, 0, 1]], numpy.float32)
    numpy.testing.assert_array_equal(kernels.row_entropy(rows), [0, numpy.nan, numpy.nan, numpy.nan])
    assert kernels.row_entropy(rows[:0]).shape == (0,)
    assert kernels.row_max(rows[:, :0]).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("name", kernels.__all__)
def test_bad_arguments(name):
    kernel = getattr(kernels, name)
    first = {"softmax_entropy": "logits", "squared_distance": "from_", "squared_norm": "numbers", "top_k": "numbers"}.get(
        name, "weights"
    )
    rest = (3,) if name.startswith("top_k") else (numpy.ones(4, numpy.float32),) if name == "squared_distance" else ()
    for value, kind, message in (
        (numpy.ones(4), ValueError, f"{first} has dtype float64, expected float32"),
        (numpy.ones((1,) * 5, numpy.float32), ValueError, f"{first}: array has 5 dimensions, expected 1 to 4"),
        (numpy.ones((4, 8), numpy.float32).T, ValueError, f"{first}: array has stride 8 in its last dimension"),
        (numpy.float32(1), ValueError, f"{first}: array has 0 dimensions"),
        ([1.0], TypeError, f"{first} is of type list"),
        (None, TypeError, f"{first} is of type NoneType"),
    ):
        with pytest.raises(kind, match=message):
            kernel(value, *rest)
    with pytest.raises(TypeError):
        kernel(numpy.ones(4, numpy.float32), *rest, kopy=True)
    if name != "squared_distance":
        kernel(numpy.ones(4), *rest, copy=True)


@pytest.mark.parametrize("k", [0, 1025])
def test_bad_k(k):
    for kernel in (kernels.top_k, kernels.top_k_mass):
        with pytest.raises(ValueError, match=f"k is {k}"):
            kernel(numpy.ones(4, numpy.float32), k)


@pytest.mark.parametrize("scale", [0.0, -1.0, numpy.nan, numpy.inf])
def test_bad_scale(scale):
    with pytest.raises(ValueError, match="scale is"):
        kernels.softmax_entropy(numpy.ones(4, numpy.float32), scale=scale)


def test_the_module_is_there_without_importing_it():
    assert attnscope.kernels is kernels and kernels.__doc__
    for name in kernels.__all__:
        assert getattr(kernels, name).__doc__, name
