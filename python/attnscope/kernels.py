# SPDX-License-Identifier: Apache-2.0
"""The kernels by themselves: rows of arrays to numbers, without an accumulator.

Arrays are those of `LayerAccumulator`, of float32, float16 or bfloat16, read where they lie, with one to four
dimensions [..., columns]; the last one must be contiguous, and copy=True copies what cannot be read in place. Weights
are as docs/metrics.md has them: a row with NaN, an infinity or a negative weight is invalid, and its numbers are NaN; a
row of zeros has entropy 0. The GIL is released. Errors: ValueError with the argument and its value, TypeError for what
is no array, MemoryError. Error bounds: include/attnscope/kernels.h.
"""

from attnscope._core import (
    column_max,
    column_sums,
    row_entropy,
    row_exp_entropy,
    row_max,
    softmax_entropy,
    squared_distance,
    squared_norm,
    top_k,
    top_k_mass,
)

__all__ = [
    "column_max",
    "column_sums",
    "row_entropy",
    "row_exp_entropy",
    "row_max",
    "softmax_entropy",
    "squared_distance",
    "squared_norm",
    "top_k",
    "top_k_mass",
]
