# SPDX-License-Identifier: Apache-2.0
"""Copies of arrays that the core cannot read where they lie, for `copy=True`."""

import numpy


def readable(name, value):
    """`value` itself if the core can read it in place, else a contiguous copy in memory of the CPU.

    float64, whole numbers and booleans become float32. Raises TypeError for what holds no numbers.
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return _readable_torch(name, value)
    if hasattr(value, "get") and type(value).__module__.split(".")[0] == "cupy":
        value = value.get()
    array = numpy.asarray(value)
    if array.dtype.name not in ("float32", "float16", "bfloat16"):
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{name} has dtype {array.dtype}, expected numbers")
        array = array.astype(numpy.float32)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return _contiguous_rows(array)


def readable_bytes(name, value):
    """A mask as an array of booleans in memory of the CPU: what is not zero is True."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = value.detach().cpu().numpy()
    array = numpy.asarray(value)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{name} has dtype {array.dtype}, expected booleans")
    return array.astype(bool)


def _contiguous_rows(array):
    is_contiguous = array.ndim == 0 or array.shape[-1] <= 1 or array.strides[-1] == array.itemsize
    whole = all(stride % array.itemsize == 0 for stride in array.strides)
    if is_contiguous and whole and array.flags.aligned:
        return array
    return numpy.ascontiguousarray(array)


def _readable_torch(name, tensor):
    import torch

    tensor = tensor.detach()
    if tensor.device.type == "meta":
        raise ValueError(f"{name} is on meta, where tensors have no values")
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    tensor = tensor.resolve_conj().resolve_neg().cpu()
    if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        if tensor.is_complex():
            raise TypeError(f"{name} has dtype {tensor.dtype}, expected real numbers")
        tensor = tensor.float()
    if tensor.ndim and tensor.shape[-1] > 1 and tensor.stride(-1) != 1:
        tensor = tensor.contiguous()
    return tensor
