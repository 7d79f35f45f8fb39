# SPDX-License-Identifier: Apache-2.0
"""Tensors of PyTorch and JAX where they lie, and the probe beside scaled_dot_product_attention."""
import gc

import numpy
import oracle
import pytest
from conftest import softmax

import attnscope


def stats_of(value, **keywords):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    layer.add_weights(value, **keywords)
    return layer.stats()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_torch(weights, dtype):
    torch = pytest.importorskip("torch")
    value = torch.tensor(weights).to(getattr(torch, dtype))
    expected = oracle.metrics(value.double().numpy())
    for one in (value, value.clone().requires_grad_(), value.transpose(0, 1).contiguous().transpose(0, 1)):
        oracle.assert_close(stats_of(one), expected)
    del one
    gc.collect()
    value.resize_(1)  # refused while somebody holds the memory


def test_torch_that_cannot_be_read_in_place(weights):
    torch = pytest.importorskip("torch")
    value = torch.tensor(weights)
    expected = oracle.metrics(weights)
    for one, message in (
        (value.double(), "weights has dtype torch.float64"),
        (value.transpose(2, 3).contiguous().transpose(2, 3), "expected 1: transposed"),
        (value.to_sparse(), "weights cannot be read in place"),
    ):
        with pytest.raises(ValueError, match=message):
            stats_of(one)
        oracle.assert_close(stats_of(one, copy=True), expected)
    with pytest.raises(ValueError, match="weights cannot be read in place"):
        stats_of(value.to("meta"))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_jax(weights, dtype):
    jnp = pytest.importorskip("jax.numpy")
    value = jnp.asarray(weights).astype(dtype)
    oracle.assert_close(stats_of(value), oracle.metrics(numpy.asarray(value.astype("float32"))))


@pytest.mark.parametrize("mask", ["none", "causal", "bool", "float"])
def test_probe(rng, mask):
    torch = pytest.importorskip("torch")
    import attnscope.torch

    query = torch.tensor(rng.normal(size=(2, 4, 12, 16)), dtype=torch.float32, requires_grad=True)
    key = torch.tensor(rng.normal(size=(2, 2, 20, 16)), dtype=torch.float32)
    seen = numpy.ones((12, 20), bool)
    keywords = {}
    if mask == "causal":
        seen = numpy.arange(20) <= numpy.arange(12)[:, None]
        keywords["is_causal"] = True
    elif mask != "none":
        seen = rng.random((12, 20)) < 0.7
        given = torch.tensor(seen)
        keywords["attn_mask"] = given if mask == "bool" else torch.zeros(12, 20).masked_fill(~given, -torch.inf)
    logits = query.detach().double().numpy() @ numpy.repeat(key.double().numpy(), 2, axis=1).swapaxes(2, 3) / 4
    expected = oracle.metrics(softmax(numpy.where(seen, logits, -numpy.inf)), seen)
    oracle.assert_close(attnscope.torch.probe(query, key, **keywords), expected)
    into = attnscope.LayerAccumulator(heads=4, max_keys=20, max_batch=2)
    oracle.assert_close(attnscope.torch.probe(query, key, into=into, **keywords), expected)
    assert into.stats().layer["rows"] == 2 * 4 * 12
    with pytest.raises(ValueError, match="query has shape"):
        attnscope.torch.probe(query[0, 0], key)
