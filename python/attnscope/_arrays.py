# SPDX-License-Identifier: Apache-2.0
"""Copies of arrays that the core cannot read where they lie, for `copy=True`."""

import contextlib

import numpy


def readable(name, value):
    """`value` itself if the core can read it in place, else a contiguous copy in memory of the CPU.

    float64, whole numbers and booleans become float32. Raises TypeError for what holds no numbers, ValueError for what
    cannot be copied.
    """
    if _is_torch(value):
        with _naming(name):
            return _readable_torch(name, value)
    array = _array(name, value)
    if array.dtype.name not in ("float32", "float16", "bfloat16"):
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} has dtype {array.dtype}, expected numbers")
        _check_bias(name, array.dtype == bool)
        array = array.astype(numpy.float32)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return _contiguous_rows(array)


def readable_bytes(name, value):
    """A mask as an array of booleans in memory of the CPU: what is not zero is True."""
    if _is_torch(value):
        if value.is_floating_point() or value.is_complex():
            raise TypeError(f"{name} has dtype {value.dtype}, expected booleans")
        with _naming(name):
            return (value.detach() != 0).cpu().numpy()
    array = _array(name, value)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{name} has dtype {array.dtype}, expected booleans")
    return array.astype(bool)


def doubles(name, value):
    """A contiguous array of float64, a copy where it is none. Raises TypeError, ValueError."""
    if _is_torch(value):
        with _naming(name):
            value = value.detach().double().cpu().numpy()
    array = _array(name, value)
    if array.dtype.name != "bfloat16" and array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}, expected numbers")
    return numpy.asarray(array, numpy.float64, order="C")


def _is_torch(value):
    return hasattr(value, "detach") and hasattr(value, "cpu")


def _array(name, value):
    if isinstance(value, numpy.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array, whose mask is not read; pass {name}.filled(...)")
    if hasattr(value, "get") and type(value).__module__.split(".")[0] == "cupy":
        value = value.get()
    with _naming(name):
        return numpy.asarray(value)


@contextlib.contextmanager
def _naming(name):
    """Errors of other libraries do not say which argument they are of."""
    try:
        yield
    except Exception as error:
        if str(error).startswith(name):
            raise
        raise ValueError(f"{name} cannot be copied: {error}") from error


def _check_bias(name, is_bool):
    if name == "bias" and is_bool:
        raise TypeError("bias has dtype bool, expected numbers that are added; booleans that hide keys are mask=")


def _contiguous_rows(array):
    is_contiguous = array.ndim == 0 or array.shape[-1] <= 1 or array.strides[-1] == array.itemsize
    whole = all(stride % array.itemsize == 0 for stride in array.strides)
    if is_contiguous and whole and array.flags.aligned:
        return array
    return array.copy()


def _readable_torch(name, tensor):
    import torch

    tensor = tensor.detach()
    if tensor.device.type == "meta":
        raise ValueError(f"{name} is on meta, where tensors have no values")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        raise TypeError(f"{name} has dtype {tensor.dtype}, expected real numbers")
    _check_bias(name, tensor.dtype == torch.bool)
    tensor = tensor.resolve_neg().cpu()
    if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        tensor = tensor.float()
    if tensor.ndim and tensor.shape[-1] > 1 and tensor.stride(-1) != 1:
        tensor = tensor.contiguous()
    return tensor
