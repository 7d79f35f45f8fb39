# SPDX-License-Identifier: Apache-2.0
import copy
import json
import math
import pathlib
import pickle
import xml.etree.ElementTree

import numpy
import pytest

import attnscope

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"


def size_of(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def test_a_report_is_a_mapping(layer):
    report = attnscope.Report({3: layer, 1: layer.stats()}, epoch=2, step=700, stage="val")
    assert list(report) == list(report.keys()) == [1, 3]
    assert len(report) == 2 and 3 in report and 2 not in report and "x" not in report
    assert report[3].layer == report[1].layer == dict(report.items())[1].layer
    assert report.get(2) is None
    for missing in (2, -1, "x", 2**70):
        with pytest.raises(KeyError):
            report[missing]
    with pytest.raises(ValueError, match="-1"):
        report[-1] = layer
    with pytest.raises(TypeError):
        report[5] = {"entropy": 1.0}
    assert repr(report) == "<attnscope.Report of 2 layers, stage='val', epoch=2, step=700>"
    assert list(attnscope.Report([layer, layer])) == [0, 1]


def test_json_and_back(layer):
    report = attnscope.Report({0: layer}, epoch=2, step=700, stage="val")
    back = attnscope.Report.from_json(report.to_json())
    assert back == report and back.step == 700 and back.epoch == 2 and back.stage == "val"
    assert pickle.loads(pickle.dumps(report)) == report
    numpy.testing.assert_array_equal(back[0].heads["entropy"], report[0].heads["entropy"])
    found = json.loads(report.to_json(verdicts=True))
    assert found["outcome"] in ("healthy", "ill") and "verdicts" in found
    for text, message in (("", None), ("{", None), ('{"attention_stats": {"a": {}}}', "attention_stats")):
        with pytest.raises(ValueError, match=message):
            attnscope.Report.from_json(text)


def test_stats_are_pickled_and_copied(layer, rng):
    layer.add_logits(rng.normal(size=(2, 3, 4, 40)).astype(numpy.float32))
    layer.add_residual(numpy.zeros((1, 2, 3), numpy.float32), numpy.ones((1, 2, 3), numpy.float32))  # an infinite ratio
    others = attnscope.LayerAccumulator(heads=2, max_keys=8, top_k=(1, 3))
    others.add_weights(numpy.array([[[numpy.nan, 1.0]], [[0.5, 0.5]]], numpy.float32))
    for stats in (layer.stats(), others.stats(), attnscope.LayerAccumulator().stats()):
        for again in (pickle.loads(pickle.dumps(stats)), copy.deepcopy(stats)):
            assert again.layer == pytest.approx(stats.layer, rel=0, abs=0, nan_ok=True)
            assert list(again.heads) == list(stats.heads)
            for name, values in stats.heads.items():
                numpy.testing.assert_array_equal(again.heads[name], values, err_msg=name)


def test_dictionaries_of_trainers():
    report = attnscope.Report.from_dict(
        {
            "attention_stats": {numpy.int64(0): {"entropy": numpy.float32(2.5), "max_col_sum": numpy.array(7.0)}},
            "residual_ratios": {0: math.inf},
            "num_epochs": numpy.int64(4),
        }
    )
    assert report.epoch == 4
    assert report.to_dict() == {
        "attention_stats": {0: {"entropy": 2.5, "max_col_sum": 7.0}},
        "residual_ratios": {0: math.inf},
        "num_epochs": 4,
    }
    assert report.scalars("val/") == {
        "val/layer_0/entropy": 2.5,
        "val/layer_0/max_col_sum": 7.0,
        "val/layer_0/residual_ratio": math.inf,
    }
    with pytest.raises(TypeError, match="expected a number"):
        attnscope.Report.from_dict({"attention_stats": {0: {"entropy": object()}}})


def test_to_dict_has_heads_if_asked(layer):
    report = attnscope.Report({0: layer})
    assert "heads" not in report.to_dict()["attention_stats"][0]
    heads = report.to_dict(heads=True)["attention_stats"][0]["heads"]
    assert heads["entropy"] == list(layer.stats().heads["entropy"])
    assert attnscope.Report.from_dict(report.to_dict(heads=True)) == report


def test_to_pandas(layer):
    pandas = pytest.importorskip("pandas")
    frame = attnscope.Report({0: layer, 4: layer}).to_pandas()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 2 * (1 + 3)
    one = frame[(frame["layer"] == 4) & (frame["head"] == 2)].iloc[0]
    assert one["entropy"] == layer.stats().heads["entropy"][2]


def test_diagnose():
    one_hot = numpy.zeros((2, 64, 64), numpy.float32)
    one_hot[:, numpy.arange(64), numpy.arange(64)] = 1
    layer = attnscope.LayerAccumulator(heads=2, max_keys=64)
    layer.add_weights(one_hot)
    report = attnscope.Report({5: layer})
    diagnosis = report.diagnose()
    assert diagnosis.outcome == "ill" and diagnosis.severity == "critical" and diagnosis.layers == {5: "ill"}
    verdict = next(v for v in diagnosis.verdicts if v.head is None)
    assert (verdict.pathology, verdict.layer, verdict.value) == ("one-hot collapse", 5, 1.0 if verdict.metric == "max_row_weight" else 0.0)
    assert verdict.message in str(diagnosis)
    assert any(u.pathology == "saturated softmax" and "saturation_ratio" in u.reason for u in diagnosis.unjudged)
    off = {name: math.nan for name in attnscope.thresholds() if name.startswith("one_hot")}
    assert not [v for v in report.diagnose(off).verdicts if v.pathology == "one-hot collapse"]
    with pytest.raises(ValueError, match="no bound 'sink'"):
        report.diagnose({"sink": 1})
    with pytest.raises(TypeError):
        report.diagnose({"sink_mass_warning": "a"})
    with pytest.raises(TypeError, match="thresholds is 3"):
        report.diagnose(3)


def test_baseline(layer, weights):
    usual = []
    for sharpness in (1.0, 1.01, 0.99, 1.005):
        logits = (sharpness * numpy.log(weights)).astype(numpy.float32)
        one = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
        one.add_logits(logits)
        usual.append(attnscope.Report({0: one}))
    baseline = attnscope.Baseline(usual)
    assert baseline.median[0].layer["entropy"] == pytest.approx(usual[0][0].layer["entropy"], rel=0.05)
    assert 0 < baseline.spread[0].layer["normalized_entropy"] < 0.1
    sharp = attnscope.LayerAccumulator(heads=3, max_keys=40, max_batch=2)
    sharp.add_logits((4.0 * numpy.log(weights)).astype(numpy.float32))
    report = attnscope.Report({0: sharp})
    found = [v for v in report.diagnose(baseline=baseline).verdicts if v.pathology == "left its baseline"]
    assert found and found[0].baseline == pytest.approx(baseline.median[0].layer[found[0].metric] if found[0].head is None
                                                        else baseline.median[0].heads[found[0].metric][found[0].head])
    assert not [v for v in report.diagnose().verdicts if v.pathology == "left its baseline"]
    assert not [v for v in usual[1].diagnose(baseline=baseline).verdicts if v.pathology == "left its baseline"]
    assert "left its baseline" in report.to_json(verdicts=True, baseline=baseline)
    assert report.figure(baseline=baseline).png != report.figure().png
    with pytest.raises(ValueError):
        attnscope.Baseline([])
    with pytest.raises(ValueError, match="baseline"):
        other = attnscope.LayerAccumulator(heads=2, max_keys=40, max_batch=2)
        other.add_weights(weights[:, :2])
        attnscope.Report({0: other}).diagnose(baseline=baseline)
    with pytest.raises(TypeError, match="baseline is 3, expected a Baseline"):
        report.diagnose(baseline=3)


def test_figures(layer, tmp_path):
    report = attnscope.Report({0: layer, 1: layer})
    summary = report.figure()
    assert size_of(summary.png) == (2000, 1500)
    assert summary.rgb.shape == (1500, 2000, 3) and summary.rgb[0, 0].tolist() == [255, 255, 255]
    assert summary._repr_png_() == summary.png
    assert size_of(report.figure("heads", width=800, height=600, scale=0.5).png) == (400, 300)
    xml.etree.ElementTree.fromstring(report.figure(dark=True)._repr_svg_())
    for name in ("a.png", "a.svg"):
        summary.save(tmp_path / name)
    assert (tmp_path / "a.svg").read_text() == summary.svg
    assert (tmp_path / "a.png").read_bytes() == summary.png
    later = attnscope.Report({0: layer, 1: layer}, step=10)
    assert "<svg" in attnscope.history([report, later], plain=True).svg
    with pytest.raises(ValueError, match="kind is 'pie'"):
        report.figure("pie")
    with pytest.raises(ValueError, match="width"):
        report.figure(width=3).png
    with pytest.raises(OSError, match="no/such"):
        summary.save("/no/such/folder/a.png")
    with pytest.raises(TypeError):
        report.figure(colour="red")


def test_metrics_are_those_of_the_library(layer):
    known = attnscope.metrics()
    assert set(layer.stats().layer) <= set(known)
    assert known["entropy"]["axis"] == "Nats" and known["rows"]["is_count"]
    assert all(info["unit"] and info["meaning"] for info in known.values())
    assert set(layer.stats().heads) <= {name for name, info in known.items() if info["per_head"]}


def test_the_reports_of_the_command_are_read():
    text = (DATA / "summary_stats.json").read_text()
    report = attnscope.Report.from_json(text)
    assert attnscope.Report.from_dict(json.loads(text)) == report
    assert report.diagnose().verdicts


def test_monitor(weights):
    lines, changes = [], []
    monitor = attnscope.AttentionMonitor(
        2, heads=3, max_keys=40, max_batch=2, every_steps=4, window_steps=8, on_window=lines.append, on_change=changes.append
    )
    sampled = 0
    for step in range(16):
        for layer in range(2):
            if monitor.should_sample(layer, step):
                sampled += 1
                monitor.add_weights(layer, weights)
        monitor.end_step(step, 24)
    monitor.close_window()
    assert sampled == 2 * 4
    records = [json.loads(line) for line in lines]
    assert [record["layer"] for record in records[:2]] == [0, 1]
    assert all(change.to_severity in ("healthy", "warning", "critical") for change in changes)
    with pytest.raises(ValueError, match="2"):
        monitor.add_weights(2, weights)
    with pytest.raises(TypeError, match="keyword"):
        attnscope.AttentionMonitor(2, head=3)
    with pytest.raises(TypeError, match="budget is 'x'"):
        attnscope.AttentionMonitor(2, heads=3, max_keys=4, budget="x")
    with pytest.raises(ValueError, match="lanes"):
        attnscope.AttentionMonitor(2, heads=3, max_keys=4, lanes=0)

    def fails(line):
        raise RuntimeError("no telemetry today")

    monitor = attnscope.AttentionMonitor(1, heads=3, max_keys=40, max_batch=2, on_window=fails)
    monitor.add_weights(0, weights)
    with pytest.raises(RuntimeError, match="no telemetry"):
        monitor.close_window()


def test_targets():
    assert attnscope.chosen_target() in attnscope.compiled_targets()
    with pytest.raises(ValueError, match="no such thing"):
        attnscope.force_target("no such thing")


def test_what_no_report_has_is_named(layer):
    for call, message in (
        (lambda: attnscope.Report({0: 3}), "layer 0 is of type int, expected a LayerAccumulator or LayerStats"),
        (lambda: attnscope.Report(layer), "layers is of type LayerAccumulator, expected a mapping or a list"),
        (lambda: attnscope.Report({0: layer}, stage=3), "stage is 3, expected text"),
        (lambda: attnscope.Report.from_dict({"attention_stats": {0.5: {"entropy": 1.0}}}), "a report has the key 0.5, expected"),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    assert list(attnscope.Report.from_dict({"attention_stats": {numpy.int64(3): {"entropy": 1.0}}})) == [3]


@pytest.mark.parametrize("name", ["on_window", "on_change"])
def test_callbacks_of_a_monitor_are_functions(name):
    with pytest.raises(TypeError, match=f"{name} is 3, expected a function"):
        attnscope.AttentionMonitor(2, **{name: 3})
    attnscope.AttentionMonitor(2, **{name: None})
