# SPDX-License-Identifier: Apache-2.0
"""Arrays of any maker are read in place, or refused with the argument and what is wrong with it."""
import array
import ctypes
import gc
import sys

import numpy
import oracle
import pytest
from conftest import softmax

import attnscope


def entropy_of(weights, **keywords):
    layer = attnscope.LayerAccumulator(heads=8, max_keys=512, max_batch=8)
    layer.add_weights(weights, **keywords)
    return layer.stats().layer["entropy"]


def expected_entropy(weights):
    return oracle.metrics(numpy.asarray(weights, numpy.float64).reshape((1, -1) + weights.shape[-2:]))["entropy"].mean()


class OnlyDLPack:
    """Lends a NumPy array by DLPack alone, with or without versions."""

    def __init__(self, value, versioned):
        self.value = value
        self.versioned = versioned

    def __dlpack__(self, *, stream=None, **keywords):
        if keywords and not self.versioned:
            raise TypeError("__dlpack__() got an unexpected keyword argument 'max_version'")
        return self.value.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.value.__dlpack_device__()


class Tensor(ctypes.Structure):
    """DLTensor of dlpack.h, with the head that either version puts before it or behind it."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int),
        ("device_id", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Managed(ctypes.Structure):
    _fields_ = [("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", Deleter)]


class Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


class Handmade:
    """A tensor of DLPack with any device, type and version, over a NumPy array; counts what is given back."""

    def __init__(self, value, *, device=1, code=2, bits=None, major=None):
        self.value = value
        self.given_back = 0
        self.shape = (ctypes.c_int64 * value.ndim)(*value.shape)
        self.strides = (ctypes.c_int64 * value.ndim)(*(s // value.itemsize for s in value.strides))
        tensor = Tensor(value.ctypes.data, device, 0, value.ndim, code, bits or 8 * value.itemsize, 1,
                        self.shape, self.strides, 0)
        self.deleter = Deleter(self._give_back)
        if major is None:
            self.managed = Managed(tensor, None, self.deleter)
            self.name = b"dltensor"
        else:
            self.managed = Versioned(major, 0, None, self.deleter, 1, tensor)
            self.name = b"dltensor_versioned"

    def _give_back(self, _):
        self.given_back += 1

    def __dlpack__(self, *, stream=None, max_version=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.managed), self.name, None)


@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float16])
@pytest.mark.parametrize("dimensions", [2, 3, 4])
def test_numpy(weights, dtype, dimensions):
    value = weights.astype(dtype)[(0,) * (4 - dimensions)]
    assert entropy_of(value) == pytest.approx(expected_entropy(value), rel=1e-5)


def test_strides_need_no_copy(rng):
    wide = softmax(rng.normal(size=(3, 2, 9, 64))).astype(numpy.float32)
    padded = numpy.full((3, 2, 18, 80), numpy.nan, numpy.float32)
    padded[:, :, ::2, 8:72] = wide
    view = padded[::-1, :, ::2, 8:72].transpose(1, 0, 2, 3)
    assert entropy_of(view) == pytest.approx(expected_entropy(wide), rel=1e-5)


def test_read_only_and_mapped_files(weights, tmp_path):
    numpy.save(tmp_path / "weights.npy", weights)
    mapped = numpy.load(tmp_path / "weights.npy", mmap_mode="r")
    assert entropy_of(mapped) == entropy_of(weights)
    weights.flags.writeable = False
    assert entropy_of(weights) == pytest.approx(expected_entropy(weights), rel=1e-5)


def test_buffer_protocol(weights):
    row = array.array("f", weights[0, 0, 0])
    assert entropy_of(memoryview(row).cast("B").cast("f", (1, 40))) == pytest.approx(expected_entropy(weights[0, :1, :1]), rel=1e-5)


@pytest.mark.parametrize("versioned", [False, True])
def test_dlpack_of_numpy(weights, versioned):
    assert entropy_of(OnlyDLPack(weights, versioned)) == entropy_of(weights)


@pytest.mark.parametrize("major", [None, 1])
def test_dlpack_capsules_are_given_back_once(weights, major):
    tensor = Handmade(weights, major=major)
    assert entropy_of(tensor) == entropy_of(weights)
    assert tensor.given_back == 1


def test_bfloat16_by_dlpack(weights):
    upper = (weights.view(numpy.uint32) >> 16).astype(numpy.uint16)
    tensor = Handmade(upper, code=4, bits=16)
    value = (upper.astype(numpy.uint32) << 16).view(numpy.float32)
    assert entropy_of(tensor) == pytest.approx(expected_entropy(value), rel=1e-5)


def test_bfloat16_of_ml_dtypes(weights):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    value = weights.astype(ml_dtypes.bfloat16)
    assert entropy_of(value) == pytest.approx(expected_entropy(value.astype(numpy.float32)), rel=1e-5)


@pytest.mark.parametrize(
    "tensor, message",
    [
        (dict(device=2), "weights is on a device of DLPack's type 2, expected memory of the CPU; pass copy=True"),
        (dict(bits=64), "weights has dtype unknown, expected float32"),
        (dict(code=5), "weights has dtype unknown, expected float32"),
        (dict(major=2), "weights comes by DLPack 2, expected 1"),
    ],
)
def test_dlpack_that_is_refused_is_given_back(weights, tensor, message):
    made = Handmade(weights, **tensor)
    with pytest.raises(ValueError, match=message):
        entropy_of(made)
    assert made.given_back == 1


@pytest.mark.parametrize(
    "value, kind, message",
    [
        (numpy.ones((4, 4)), ValueError, "weights has dtype float64, expected float32, float16 or bfloat16; convert it"),
        (numpy.ones((4, 4), int), ValueError, "weights has dtype int64"),
        (numpy.ones((4, 4), ">f4"), ValueError, "weights has dtype >f4"),
        (numpy.ones((4, 4), complex), ValueError, "weights has dtype complex128"),
        (numpy.ones((4, 8), numpy.float32).T, ValueError, "stride 8 in its last dimension, expected 1"),
        (numpy.ones(4, numpy.float32), ValueError, "has 1 dimensions, expected 2 to 4"),
        (numpy.ones((1,) * 5, numpy.float32), ValueError, "has 5 dimensions, expected 2 to 4"),
        (numpy.ones((1,) * 9, numpy.float32), ValueError, "has 9 dimensions"),
        (numpy.ones((4, 513), numpy.float32), ValueError, "513"),
        (numpy.ones((9, 4, 4), numpy.float32), ValueError, "9"),
        (numpy.frombuffer(bytes(65), numpy.uint8)[1:].view(numpy.float32).reshape(4, 4), ValueError, "not aligned"),
        ([[1.0]], TypeError, "weights is of type list"),
        (None, TypeError, "weights is of type NoneType"),
        (b"1234", ValueError, "weights has dtype B"),
    ],
)
def test_what_cannot_be_read_is_named(value, kind, message):
    with pytest.raises(kind, match=message):
        entropy_of(value)


def test_copy_reads_what_cannot_be_read_in_place(weights):
    expected = entropy_of(weights)
    assert entropy_of(weights.astype(float), copy=True) == pytest.approx(expected, rel=1e-6)
    assert entropy_of(weights.astype(">f4"), copy=True) == expected
    assert entropy_of(numpy.asfortranarray(weights), copy=True) == expected
    assert entropy_of(weights[0, 0].tolist(), copy=True) == pytest.approx(entropy_of(weights[0, 0]), rel=1e-6)
    with pytest.raises(TypeError, match="weights has dtype"):
        entropy_of(numpy.array(["a"]), copy=True)


def test_copies_of_what_is_not_aligned(weights):
    raw = numpy.zeros(weights.nbytes + 1, numpy.uint8)
    raw[1:] = numpy.frombuffer(weights.tobytes(), numpy.uint8)
    value = raw[1:].view(numpy.float32).reshape(weights.shape)
    with pytest.raises(ValueError, match="weights is not aligned to its elements; convert it, or pass copy=True"):
        entropy_of(value)
    assert entropy_of(value, copy=True) == entropy_of(weights)


def test_residual_streams_of_two_types(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40)
    with pytest.raises(ValueError, match="the residual stream is of float16 before the block and of float32 after it"):
        layer.add_residual(weights[0].astype(numpy.float16), weights[0])


def test_masked_arrays_are_refused(weights):
    """Below their masks are numbers that are not meant."""
    hidden = numpy.ma.MaskedArray(weights, mask=weights > 0.1)
    profile = numpy.ma.MaskedArray(weights[0].sum(axis=1), mask=weights[0].sum(axis=1) > 1)
    for call, name in (
        (lambda: entropy_of(hidden), "weights"),
        (lambda: entropy_of(hidden, copy=True), "weights"),
        (lambda: entropy_of(weights, mask=numpy.ma.MaskedArray(weights > 0, mask=weights > 0.1)), "mask"),
        (lambda: attnscope.kernels.row_max(hidden), "weights"),
        (lambda: attnscope.attention_stats_from(hidden, as_original=True), "weights"),
        (lambda: attnscope.key_profile(profile, 24), "column_sums"),
    ):
        with pytest.raises(ValueError, match=f"{name} is a masked array, whose mask is not read"):
            call()


@pytest.mark.parametrize("value", [[[1.0, 2.0], [3.0]], float], ids=["ragged", "type"])
def test_what_cannot_be_copied_is_named(value):
    with pytest.raises((TypeError, ValueError), match="weights (cannot be copied|has dtype)"):
        entropy_of(value, copy=True)


@pytest.mark.parametrize("error", [RuntimeError("x"), TypeError("x"), KeyError("x")])
def test_errors_of_dlpack_are_named(error):
    class Broken:
        dtype = "float9"

        def __dlpack__(self, **keywords):
            raise error

    with pytest.raises(ValueError, match=r"weights cannot be read in place \(dtype float9\); convert it"):
        entropy_of(Broken())


def test_keywords_that_mean_nothing_alone(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    for keywords, message in (
        (dict(window_kind="chunked"), "window_kind is 'chunked', which changes nothing without window"),
        (dict(bias_factors=[1.0, 2.0, 3.0]), r"bias_factors is \[1.0, 2.0, 3.0\], which changes nothing without bias"),
        (dict(scale=0.0), "scale is 0, expected a number above 0"),
        (dict(bias=numpy.ones(40, bool), copy=True), "bias has dtype bool, expected numbers .* mask="),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            layer.add_logits(weights, **keywords)
    with pytest.raises(ValueError, match="causal is True, which changes nothing of what as_original=True computes"):
        attnscope.attention_stats_from(weights, causal=True, as_original=True)


def test_arguments_of_other_calls_are_named(weights):
    scores = attnscope.KeyScores(heads=3, max_keys=40)
    for call, kind, message in (
        (lambda: scores.keep(None), TypeError, "keys is None, expected whole numbers"),
        (lambda: attnscope.kernels.squared_distance(weights, weights[:1]), ValueError,
         r"from_ has shape \[2, 3, 24, 40\], to has \[1, 3, 24, 40\]"),
        (lambda: attnscope.attention_stats_from([[1.0]]), TypeError, "weights is of type list"),
        (lambda: attnscope.attention_stats_from(weights[:0], as_original=True), ValueError, r"weights has shape \[0, 3, 24, 40\]"),
        (lambda: attnscope.key_profile(weights[0].sum(axis=1) * 1j, 24), TypeError, "column_sums has dtype complex"),
    ):
        with pytest.raises(kind, match=message):
            call()


@pytest.mark.parametrize(
    "keywords, kind, message",
    [
        (dict(cusal=True), TypeError, "has no keyword 'cusal'; it has"),
        (dict(scale=1.0), TypeError, "has no keyword 'scale'"),
        (dict(causal=1), TypeError, "causal is 1, expected True or False"),
        (dict(causal_offset=1.5), TypeError, "causal_offset is 1.5, expected a whole number"),
        (dict(causal_offset=2**80), ValueError, "causal_offset is 1208925819614629174706176"),
        (dict(threads=-1), ValueError, "threads is -1"),
        (dict(threads=10**6), ValueError, "threads"),
        (dict(key_lengths=3), TypeError, "key_lengths is 3, expected a whole number for each sequence"),
        (dict(key_lengths="ab"), TypeError, "key_lengths is 'ab'"),
        (dict(key_lengths=[1, 2, 3]), ValueError, "key_lengths has 3 numbers, expected 2"),
        (dict(key_lengths=[1, -2]), ValueError, "-2"),
        (dict(key_lengths=[1, 41]), ValueError, "41"),
        (dict(window_kind="round"), ValueError, "window_kind is 'round', expected 'sliding' or 'chunked'"),
        (dict(window=-1), ValueError, "-1"),
        (dict(segments=[]), ValueError, "segments has 0 numbers"),
        (dict(segments=[0, 30, 20, 40]), ValueError, "segments"),
        (dict(key_positions=[1, 2]), ValueError, "key_positions has 2 numbers, expected 80"),
        (dict(mask=numpy.ones((24, 41), bool)), ValueError, "mask has size 41 for the keys, expected 40 or 1"),
        (dict(mask=numpy.ones((24, 40), numpy.float32)), ValueError, "mask has dtype float32, expected bool or uint8"),
        (dict(mask=3), TypeError, "mask is of type int"),
        (dict(sinks=[1.0]), TypeError, "has no keyword 'sinks'"),
        (dict(first_head=7), ValueError, "7"),
        (dict(first_sequence=7), ValueError, "7"),
    ],
)
def test_bad_keywords(weights, keywords, kind, message):
    with pytest.raises(kind, match=message):
        entropy_of(weights, **keywords)


def test_bad_bias(weights):
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    with pytest.raises(ValueError, match="bias has size 5 for the heads, expected 3 or 1"):
        layer.add_logits(weights, bias=numpy.zeros((5, 24, 40), numpy.float32))
    with pytest.raises(ValueError, match="bias has size 1 for the keys, expected 40"):
        layer.add_logits(weights, bias=numpy.zeros((24, 1), numpy.float32))
    with pytest.raises(ValueError, match="scale"):
        layer.add_logits(weights, scale=float("nan"))
    with pytest.raises(TypeError, match="soft_cap is 'a', expected a number"):
        layer.add_logits(weights, soft_cap="a")
    assert layer.stats().layer.get("rows", 0) == 0


def test_queries_and_keys_that_do_not_fit(rng):
    layer = attnscope.LayerAccumulator(heads=4, max_keys=8)
    with pytest.raises(ValueError, match="head size 4"):
        layer.add_queries_keys(numpy.ones((4, 3, 4), numpy.float32), numpy.ones((4, 8, 5), numpy.float32))
    with pytest.raises(ValueError, match="3"):
        layer.add_queries_keys(numpy.ones((4, 3, 4), numpy.float32), numpy.ones((3, 8, 4), numpy.float32))


def test_configuration_is_checked():
    for keywords in (dict(heads=0), dict(heads=10**9), dict(max_batch=0), dict(tolerance_half=-1.0)):
        with pytest.raises(ValueError, match=str(list(keywords.values())[0]).split("e")[0]):
            attnscope.LayerAccumulator(**keywords)
    with pytest.raises(TypeError):
        attnscope.LayerAccumulator(heds=3)


LAYER = attnscope.LayerAccumulator(heads=2, max_keys=8)
SCORES = attnscope.KeyScores(heads=2, max_keys=8)
MONITOR = attnscope.AttentionMonitor(2)
REPORT = attnscope.Report()
ROW = numpy.ones(3, numpy.float32)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda value: attnscope.LayerAccumulator(heads=value), "heads"),
        (lambda value: attnscope.LayerAccumulator(max_keys=value), "max_keys"),
        (lambda value: attnscope.LayerAccumulator(max_batch=value), "max_batch"),
        (lambda value: LAYER.end_sequence(value), "sequence"),
        (lambda value: LAYER.column_sums(sequence=value), "sequence"),
        (lambda value: LAYER.column_sums(head=value), "head"),
        (lambda value: LAYER.reserve(max_keys=value), "max_keys"),
        (lambda value: LAYER.reserve(max_batch=value), "max_batch"),
        (lambda value: LAYER.state(layer=value), "layer"),
        (lambda value: attnscope.LayerAccumulator.from_state(LAYER.state(), max_keys=value), "max_keys"),
        (lambda value: attnscope.LayerAccumulator.from_state(LAYER.state(), max_batch=value), "max_batch"),
        (lambda value: LAYER.add_weights(ROW, threads=value), "threads"),
        (lambda value: attnscope.KeyScores(max_keys=value), "max_keys"),
        (lambda value: attnscope.KeyScores(max_keys=3, groups=value), "groups"),
        (lambda value: attnscope.KeyScores(max_keys=3, window=value), "window"),
        (lambda value: SCORES.scores(value), "sequence"),
        (lambda value: SCORES.scores(group=value), "group"),
        (lambda value: SCORES.head_scores(head=value), "head"),
        (lambda value: SCORES.top_keys(value), "heavy"),
        (lambda value: SCORES.top_keys(recent=value), "recent"),
        (lambda value: SCORES.keys(value), "sequence"),
        (lambda value: SCORES.rows(head=value), "head"),
        (lambda value: SCORES.keep([], group=value), "group"),
        (lambda value: SCORES.shift(value, 1, 1), "begin"),
        (lambda value: SCORES.end_sequence(value), "sequence"),
        (lambda value: attnscope.kernels.top_k(ROW, value), "k"),
        (lambda value: attnscope.kernels.top_k_mass(ROW, value), "k"),
        (lambda value: attnscope.attention_maps(ROW, cells=value), "cells"),
        (lambda value: attnscope.attention_maps(ROW, layer=value), "layer"),
        (lambda value: attnscope.key_profile(ROW[None], 1, layer=value), "layer"),
        (lambda value: REPORT.figure(width=value).png, "width"),
        (lambda value: attnscope.AttentionMonitor(value), "layers"),
        (lambda value: attnscope.AttentionMonitor(2, heads=value), "heads"),
        (lambda value: attnscope.AttentionMonitor(2, every_steps=value), "every_steps"),
        (lambda value: MONITOR.should_sample(value, 0), "layer"),
        (lambda value: MONITOR.add_weights(value, ROW), "layer"),
        (lambda value: MONITOR.end_step(value), "step"),
        (lambda value: MONITOR.end_sequence(value), "sequence"),
    ],
)
def test_whole_numbers_are_named(call, name):
    """What is none, is none at all for NumPy, or is below zero: the name and the value. Nothing is rounded."""
    for value in ("3", 2.5, numpy.float64(2.0), numpy.array([1, 2]), [1]):
        with pytest.raises(TypeError) as error:
            call(value)
        assert f"{name} is {value!r}, expected a whole number" in str(error.value)
    for value in (-1, numpy.int64(-1), 2**80):
        with pytest.raises(ValueError, match=rf"{name} is .*{int(value)}"):
            call(value)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda value: attnscope.LayerAccumulator(tolerance_float32=value), "tolerance_float32"),
        (lambda value: attnscope.LayerAccumulator(tolerance_half=value), "tolerance_half"),
        (lambda value: attnscope.LayerAccumulator(saturation_bound=value), "saturation_bound"),
        (lambda value: LAYER.add_logits(ROW, scale=value), "scale"),
        (lambda value: attnscope.KeyScores(max_keys=3, decay=value), "decay"),
        (lambda value: attnscope.kernels.softmax_entropy(ROW, scale=value), "scale"),
        (lambda value: REPORT.figure(scale=value), "scale"),
        (lambda value: REPORT.diagnose({"sink_mass_warning": value}), "sink_mass_warning"),
        (lambda value: attnscope.AttentionMonitor(2, budget=value), "budget"),
    ],
)
def test_numbers_are_named(call, name):
    for value in ("3", [1.0], 1j):
        with pytest.raises(TypeError) as error:
            call(value)
        assert f"{name} is {value!r}, expected a number" in str(error.value)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda value: attnscope.LayerAccumulator(mean_matrix=value), "mean_matrix"),
        (lambda value: LAYER.add_weights(ROW, causal=value), "causal"),
        (lambda value: attnscope.kernels.row_max(ROW, copy=value), "copy"),
        (lambda value: REPORT.figure(dark=value), "dark"),
        (lambda value: attnscope.AttentionMonitor(2, per_head=value), "per_head"),
    ],
)
def test_truth_values_are_named(call, name):
    for value in (1, "yes", numpy.array([True])):
        with pytest.raises(TypeError) as error:
            call(value)
        assert f"{name} is {value!r}, expected True or False" in str(error.value)


def test_numbers_of_numpy_are_numbers(weights):
    layer = attnscope.LayerAccumulator(heads=numpy.int64(3), max_keys=numpy.int32(40), max_batch=numpy.uint8(2),
                                       mean_matrix=numpy.bool_(False), saturation_bound=numpy.float32(0.5))
    layer.add_weights(weights, causal=numpy.bool_(True), causal_offset=numpy.int16(16), first_head=numpy.uint64(0))
    assert layer.heads == 3 and layer.stats().layer["rows"] == 2 * 3 * 24
    report = attnscope.Report({numpy.int64(4): layer}, epoch=numpy.int64(2), step=numpy.uint32(5))
    assert (list(report), report.epoch, report.step) == ([4], 2, 5)
    assert attnscope.AttentionMonitor(numpy.int64(2), heads=numpy.int64(4)).should_sample(numpy.int64(1), 0)
    for name in ("epoch", "step"):
        with pytest.raises(TypeError, match=f"{name} is 1.5, expected a whole number"):
            attnscope.Report({}, **{name: 1.5})


def test_no_reference_is_kept(weights):
    before = sys.getrefcount(weights)
    layer = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    for _ in range(10):
        layer.add_weights(weights)
        with pytest.raises(ValueError):
            layer.add_weights(weights, key_lengths=[1, 2, 3])
    gc.collect()
    assert sys.getrefcount(weights) == before
    weights.resize((1,), refcheck=False)  # BufferError if the buffer were still lent


def test_fuzz_of_shapes_strides_types_and_keywords(rng):
    """Whatever is given, the answer is a result or an exception that names the argument."""
    layer = attnscope.LayerAccumulator(heads=4, max_keys=32, max_batch=3)
    types = [numpy.float32, numpy.float16, numpy.float64, numpy.int8, numpy.uint16, ">f4", bool, complex]
    taken = 0
    for _ in range(3000):
        shape = rng.integers(0, 6, size=rng.integers(0, 7))
        value = rng.random(shape).astype(types[min(rng.integers(0, 16), 7) * (rng.random() < 0.5)])
        if value.ndim and rng.random() < 0.5:
            value = value.transpose(rng.permutation(value.ndim))
        value = value[tuple(slice(None, None, int(rng.choice([1, 1, 1, 2, -1, -3]))) for _ in range(value.ndim))]
        keywords = {
            name: choices[rng.integers(0, len(choices))]
            for name, choices in {
                "causal": [True, False, None, 2],
                "causal_offset": [0, -5, 2**62, -(2**63), 3.5, "x"],
                "key_lengths": [[], [1], [1, 2], [2**62], None, {}, numpy.ones((2, 2)), numpy.float32(1)],
                "first_head": [0, 1, 2**63, -1],
                "first_sequence": [0, 2**64 - 1, 2],
                "threads": [1, 2, True],
                "copy": [False, True],
                "bias": [value, numpy.zeros(shape[-1:], numpy.float32), 3],
                "window": [1, 0, -5, 2**62],
                "window_after": [0, 3, -7],
                "window_kind": ["sliding", "chunked", 3],
                "first_keys": [[1], [0, 2], [-1, 9]],
                "query_lengths": [[1], [2, 0], [99, 0]],
                "segments": [[0, 2, 4], [0], [5, 1], [0, 2**62], "x"],
                "mask": [value, value != 0, numpy.ones(shape[-1:], bool), True],
                "key_positions": [list(range(4)), [-1, 2, 1, 0], [2**62], value],
                "keys_were_evicted": [True, False, 0],
                "sinks": [[0.0] * 3, [numpy.nan], [numpy.inf] * 2, value],
                "bias_factors": [[1.0] * 2, [0.5], value],
                "masked_below": [-1e8, numpy.nan, numpy.inf, -numpy.inf],
                "scale": [0.0, -1.0, 1e300, numpy.nan],
                "soft_cap": [0.0, 30, numpy.inf, "x"],
            }.items()
            if rng.random() < 0.03
        }
        call = [layer.add_weights, layer.add_logits, layer.add_queries_keys, layer.add_residual, layer.add_gradient][
            rng.integers(0, 5)
        ]
        try:
            call(*([value] * (2 if call.__name__ in ("add_queries_keys", "add_residual") else 1)), **keywords)
            taken += 1
        except (ValueError, TypeError) as error:
            assert str(error)
    assert taken > 200
    assert layer.stats().layer["rows"] > 0
