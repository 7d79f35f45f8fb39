# SPDX-License-Identifier: Apache-2.0
import numpy
import pytest

import attnscope


@pytest.fixture
def rng():
    return numpy.random.default_rng(20261129)


def softmax(logits):
    """Of the last dimension, in float64; -inf has weight zero, and a row of them is zeros."""
    logits = numpy.asarray(logits, numpy.float64)
    largest = logits.max(axis=-1, keepdims=True)
    exp = numpy.exp(logits - numpy.where(numpy.isfinite(largest), largest, 0.0))
    total = exp.sum(axis=-1, keepdims=True)
    return numpy.divide(exp, total, out=numpy.zeros_like(exp), where=total > 0)


@pytest.fixture
def weights(rng):
    """[2 sequences, 3 heads, 24 queries, 40 keys] of float32, no mask."""
    return softmax(3 * rng.normal(size=(2, 3, 24, 40))).astype(numpy.float32)


@pytest.fixture
def layer(weights):
    """What these measure, sequences ended."""
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    layer.add_weights(weights)
    layer.end_sequence()
    return layer
