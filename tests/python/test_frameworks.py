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


def test_torch_views_that_negate(weights):
    """DLPack does not say that the memory has the other sign."""
    torch = pytest.importorskip("torch")
    value = torch._neg_view(-torch.tensor(weights))
    assert value.is_neg() and (value.numpy(force=True) == weights).all()
    with pytest.raises(ValueError, match="weights is a view that negates .* pass copy=True"):
        stats_of(value)
    oracle.assert_close(stats_of(value, copy=True), oracle.metrics(weights))


def test_torch_that_cannot_be_read_at_all(weights):
    torch = pytest.importorskip("torch", minversion="2.0")
    value = torch.tensor(weights)
    quantized = torch.quantize_per_tensor(value, 1 / 255, 0, torch.quint8)
    oracle.assert_close(stats_of(quantized, copy=True), oracle.metrics(quantized.dequantize().numpy()))
    with pytest.raises(ValueError, match=r"weights cannot be read in place \(dtype torch.quint8, on cpu\)"):
        stats_of(quantized)
    with pytest.raises(ValueError, match=r"weights cannot be read in place \(dtype torch.float32, on meta\)"):
        stats_of(value.to("meta"))
    nested = torch.nested.nested_tensor([value[0], value[1]])
    for copy in (False, True):
        with pytest.raises(ValueError, match="weights cannot be"):
            stats_of(nested, copy=copy)
    with pytest.raises(TypeError, match="mask has dtype torch.bfloat16, expected booleans"):
        stats_of(value, mask=torch.ones(24, 40, dtype=torch.bfloat16), copy=True)


def test_probe_takes_masks_of_all_shapes_that_broadcast(rng):
    torch = pytest.importorskip("torch")
    import attnscope.torch

    query = torch.tensor(rng.normal(size=(2, 4, 12, 16)), dtype=torch.float32)
    key = torch.tensor(rng.normal(size=(2, 2, 20, 16)), dtype=torch.float32)
    logits = query.double().numpy() @ numpy.repeat(key.double().numpy(), 2, axis=1).swapaxes(2, 3) / 4
    for shape in ((20,), (1,), (12, 1), (12, 20), (4, 1, 1), (2, 1, 12, 20), (2, 4, 1, 20), (1, 1, 1, 1)):
        added = rng.normal(size=shape).astype(numpy.float32)
        expected = oracle.metrics(softmax(logits + added))
        oracle.assert_close(attnscope.torch.probe(query, key, attn_mask=torch.tensor(added)), expected)
        seen = numpy.ones(shape, bool)
        seen[..., 0] = shape[-1] == 1 or rng.random() < 0.5
        expected = oracle.metrics(softmax(numpy.where(seen, logits, -numpy.inf)), numpy.broadcast_to(seen, logits.shape))
        oracle.assert_close(attnscope.torch.probe(query, key, attn_mask=torch.tensor(seen)), expected)
    turned = torch.tensor(rng.normal(size=(20, 12)).astype(numpy.float32)).T
    expected = oracle.metrics(softmax(logits + turned.numpy()))
    oracle.assert_close(attnscope.torch.probe(query, key, attn_mask=turned), expected)
    for mask, kind, message in (
        (torch.ones(12, 11, dtype=torch.bool), ValueError, "mask has size 11 for the keys, expected 20"),
        (torch.ones(12, 20, dtype=torch.long), TypeError, "attn_mask has dtype torch.int64, expected booleans"),
        (numpy.ones((12, 20)), TypeError, "attn_mask is of type ndarray, expected a tensor"),
    ):
        with pytest.raises(kind, match=message):
            attnscope.torch.probe(query, key, attn_mask=mask)
    with pytest.raises(TypeError, match="into is of type int, expected a LayerAccumulator"):
        attnscope.torch.probe(query, key, into=3)
