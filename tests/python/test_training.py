# SPDX-License-Identifier: Apache-2.0
"""The drop-in keeps the contract of the class that it takes the place of."""
import inspect
import math
import sys
import types

import numpy
import pytest
from conftest import softmax

import attnscope

STATS = {"entropy": 2.5, "effective_rank": 12.0, "top5": 0.4, "top10": 0.6, "top50": 0.9,
         "max_row_weight": 0.15, "col_entropy": 5.0, "max_col_sum": 10.0}


@pytest.fixture
def run(monkeypatch):
    """Stands in for wandb with an active run."""
    logged = []
    wandb = types.ModuleType("wandb")
    wandb.run = object()
    wandb.Image = lambda path: ("image", path)
    wandb.log = lambda values, commit=None: logged.append((values, commit))
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    return logged


def test_signatures():
    assert str(inspect.signature(attnscope.TransformerDiagnostics)).startswith("(base_dir, mplstyle_path=None")
    assert str(inspect.signature(attnscope.TransformerDiagnostics.plot_attention_diagnostics)) == (
        "(self, attention_stats, residual_ratios=None, qk_logit_stats=None, gradient_norms=None, num_epochs=0, "
        "stage='val')"
    )


def test_an_empty_dictionary_prints(tmp_path, capsys, run):
    assert attnscope.TransformerDiagnostics(tmp_path).plot_attention_diagnostics({}) is None
    assert capsys.readouterr().out == "No attention stats to plot\n"
    assert not run and not list(tmp_path.iterdir())


def test_it_logs_and_writes(tmp_path, capsys, run):
    made = attnscope.TransformerDiagnostics(str(tmp_path), "no/such.mplstyle")
    assert made.plot_attention_diagnostics({1: STATS, 0: STATS}, {0: 0.3, 1: 0.2}, num_epochs=10, stage="test") is None
    path = tmp_path / "test_transformer_diagnostics" / "summary_epoch_10.png"
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert run == [({"test_transformer_diagnostics/summary": ("image", str(path))}, True)]
    assert capsys.readouterr().out == ""


def test_without_a_run_it_only_writes(tmp_path, run):
    sys.modules["wandb"].run = None
    attnscope.TransformerDiagnostics(tmp_path).plot_attention_diagnostics({0: STATS})
    assert not run
    assert [path.name for path in tmp_path.rglob("*.png")] == ["summary_epoch_0.png"]


def test_what_the_original_tolerates(tmp_path, run):
    made = attnscope.TransformerDiagnostics(tmp_path)
    least = {name: STATS[name] for name in ("entropy", "effective_rank", "top5", "top10", "top50")}
    made.plot_attention_diagnostics({0: least, 7: {**least, "something_else": 3}}, {0: 0.3, 99: 1.0}, {}, {},)
    made.plot_attention_diagnostics({0: {**least, "entropy": math.nan, "top5": numpy.float32(0.5)}}, {0: 0.0})
    made.plot_attention_diagnostics({0: STATS}, None, {0: {"logit_mean": 0.1, "logit_std": 2.0, "saturation_ratio": 0.0}},
                                    {0: 1.5})
    assert len(run) == 3
    with pytest.raises(KeyError, match="top50"):
        made.plot_attention_diagnostics({0: {name: 1.0 for name in ("entropy", "effective_rank", "top5", "top10")}})


def test_options_beyond_the_original(tmp_path, capsys, run):
    layer = attnscope.LayerAccumulator(heads=4, max_keys=64)
    layer.add_weights(softmax(numpy.random.default_rng(0).normal(size=(4, 64, 64))).astype(numpy.float32))
    stats = attnscope.Report({0: layer, 1: layer}).to_dict(heads=True)["attention_stats"]
    made = attnscope.TransformerDiagnostics(tmp_path, scalars=True, verdicts=True, heads=True)
    made.plot_attention_diagnostics(stats, {1: 20.0})
    (logged, _), = run
    key = "val_transformer_diagnostics"
    assert logged[f"{key}/layer_0/entropy"] == stats[0]["entropy"]
    assert logged[f"{key}/layer_1/residual_ratio"] == 20.0
    assert logged[f"{key}/heads"][0] == "image"
    assert "exploding update in layer 1" in capsys.readouterr().out


def test_attention_stats_from(weights):
    correct = attnscope.attention_stats_from(weights)
    original = attnscope.attention_stats_from(weights, as_original=True)
    assert set(original) == set(STATS) <= set(correct)
    mean = weights.astype(float).mean(axis=(0, 1))
    entropy = -(mean * numpy.log(mean + 1e-10)).sum(axis=1).mean()
    assert original["entropy"] == pytest.approx(entropy)
    assert original["effective_rank"] == pytest.approx(math.exp(entropy))
    assert original["top5"] == pytest.approx(numpy.sort(mean, axis=1)[:, -5:].sum(axis=1).mean())
    assert original["max_col_sum"] == pytest.approx(mean.sum(axis=0).max())
    assert correct["entropy"] < original["entropy"]  # the mean over heads hides how sharp each is
    for value in (numpy.ones(3, numpy.float32), numpy.ones((1,) * 5, numpy.float32)):
        with pytest.raises(ValueError, match="dimensions"):
            attnscope.attention_stats_from(value)
