# SPDX-License-Identifier: Apache-2.0
"""Is your transformer's attention healthy?

    import attnscope
    layer = attnscope.LayerAccumulator(heads=8, max_keys=512)
    layer.add_weights(weights, causal=True)      # [batch, heads, queries, keys]: NumPy, PyTorch, JAX
    layer.end_sequence()
    report = attnscope.Report({0: layer})
    print(report.diagnose())                     # verdicts
    report.figure("summary").save("summary.png")

With Hugging Face Transformers, `attnscope.watch(model)` measures a model while it runs. docs/python.md has the
five-minute start, docs/metrics.md each metric's definition and error bound.
"""

import importlib

from attnscope import kernels
from attnscope._core import (
    AttentionMap,
    AttentionMonitor,
    Diagnosis,
    KeyProfile,
    KeyScores,
    LayerAccumulator,
    LayerStats,
    Unjudged,
    Verdict,
    VerdictChange,
    __version__,
    attention_maps,
    chosen_target,
    compiled_targets,
    force_target,
    measure_rows,
    metrics,
    thresholds,
)
from attnscope._figure import Figure, history, key_profile
from attnscope._page import Page
from attnscope._report import Baseline, Report
from attnscope._training import TransformerDiagnostics, attention_stats_from

__all__ = [
    "AttentionMap",
    "AttentionMonitor",
    "Baseline",
    "Diagnosis",
    "Figure",
    "KeyProfile",
    "KeyScores",
    "LayerAccumulator",
    "LayerStats",
    "Page",
    "Report",
    "TransformerDiagnostics",
    "Unjudged",
    "Verdict",
    "VerdictChange",
    "__version__",
    "attention_maps",
    "attention_stats_from",
    "chosen_target",
    "compiled_targets",
    "force_target",
    "history",
    "kernels",
    "key_profile",
    "loggers",
    "measure_rows",
    "metrics",
    "thresholds",
    "torch",
    "watch",
]

_SUBMODULES = ("loggers", "torch")


def __getattr__(name):
    # What needs PyTorch is imported when it is asked for.
    if name in _SUBMODULES:
        return importlib.import_module(f"attnscope.{name}")
    if name == "watch":
        return importlib.import_module("attnscope._watch").watch
    raise AttributeError(f"module 'attnscope' has no attribute {name!r}")


def __dir__():
    return __all__
