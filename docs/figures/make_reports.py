#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the made-up reports that docs/figures.md shows. Usage: make_reports.py FOLDER

healthy, collapsed, one_layer, ninety_six_layers: one report each, as trainers log them; collapsed is the one of
tests/data. heads: one with heads, of which one has collapsed although its layer's mean looks healthy. history: a training
run, one report a line, in which layer 7 of 12 collapses. The same numbers on every machine.
"""
import json
import math
import pathlib
import random
import shutil
import sys

KEYS = 1024


def layer(entropy):
    """All metrics of a layer whose rows have about this entropy (nats)."""
    entropy = min(max(entropy, 0.01), math.log(KEYS))
    top5 = 1 / (1 + math.exp(0.9 * (entropy - 2.5)))
    return {
        "entropy": entropy,
        "effective_rank": 1.1 * math.exp(entropy),
        "top5": top5,
        "top10": top5 + 0.3 * (1 - top5),
        "top50": top5 + 0.7 * (1 - top5),
        "max_row_weight": 0.95 * top5**1.5,
        "col_entropy": math.log(KEYS) * (0.4 + 0.08 * entropy),
        "max_col_sum": 0.3 * KEYS * math.exp(-entropy),
        "normalized_entropy": entropy / math.log(KEYS),
        "sink_mass": 0.3 * math.exp(-entropy),
        "keys": KEYS,
    }


def report(epoch, entropies, ratios):
    return {
        "num_epochs": epoch,
        "stage": "val",
        "attention_stats": {str(i): layer(entropy) for i, entropy in enumerate(entropies)},
        "residual_ratios": {str(i): ratio for i, ratio in enumerate(ratios)},
    }


def wandering(layers, start, noise, low, high, seed):
    source = random.Random(seed)
    values = [start]
    while len(values) < layers:
        back = 0.15 * ((low + high) / 2 - values[-1])
        values.append(min(max(values[-1] + back + noise * source.gauss(0, 1), low), high))
    return values


def healthy():
    return report(24, wandering(12, 3.1, 0.25, 2.4, 3.7, 3),
                  [math.exp(x) for x in wandering(12, -1.2, 0.3, -2.0, -0.3, 4)])


def ninety_six_layers():
    entropies = wandering(96, 3.4, 0.16, 2.2, 3.8, 8)
    for i, depth in zip(range(58, 66), (0.8, 1.6, 2.3, 2.7, 2.8, 2.4, 1.7, 0.9)):
        entropies[i] = max(entropies[i] - depth, 0.05)
    return report(3, entropies, [math.exp(x) for x in wandering(96, -0.9, 0.16, -2.6, 0.3, 6)])


def with_heads():
    source = random.Random(11)
    means = wandering(24, 3.3, 0.2, 2.6, 3.8, 12)
    result = report(10, means, [0.4] * 24)
    for i, mean in enumerate(means):
        heads = [layer(mean + 0.5 * source.gauss(0, 1)) for _ in range(16)]
        if i == 17:
            heads[5] = layer(0.05)
        if i == 9:
            heads[12]["sink_mass"] = 0.62
        result["attention_stats"][str(i)]["heads"] = {
            key: [head[key] for head in heads]
            for key in ("entropy", "effective_rank", "top5", "max_row_weight", "normalized_entropy", "sink_mass", "keys")
        }
    return result


def history():
    source = random.Random(2)
    goals = wandering(12, 3.3, 0.25, 2.7, 3.8, 13)
    entropies = [5.6] * 12
    reports = []
    for time in range(40):
        entropies = [e + 0.2 * (goal - e) + 0.04 * source.gauss(0, 1) for e, goal in zip(entropies, goals)]
        seen = list(entropies)
        ratios = [0.25 + 0.02 * i + 0.01 * source.gauss(0, 1) for i in range(12)]
        if time > 20:
            seen[7] -= 0.2 * (time - 20)
            ratios[7] *= math.exp(-0.12 * (time - 20))
        reports.append({**report(time // 4, seen, ratios), "step": 500 * (time + 1)})
    return reports


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    here = pathlib.Path(__file__).resolve().parent
    shutil.copy(here.parent.parent / "tests/data/summary_stats.json", folder / "collapsed.json")
    for name, content in (
        ("healthy", healthy()),
        ("one_layer", report(1, [2.9], [0.42])),
        ("ninety_six_layers", ninety_six_layers()),
        ("heads", with_heads()),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history()))


if __name__ == "__main__":
    main(*sys.argv[1:])
