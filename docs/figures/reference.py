#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The six panels as a Python monitor draws them with matplotlib: what attnscope's summary is compared with.

Usage: reference.py REPORT.json OUT.png [WIDTH HEIGHT], in inches; 20 x 15 if not given, 100 pixels each. Needs
matplotlib (Debian: python3-matplotlib), which nothing else in this project does.
"""
import json
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


def read(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    layers = sorted(report["attention_stats"], key=int)
    return report, layers


def draw_curve(axes, layers, values, label, marker, color, number_format=None, **options):
    positions = [int(layer) for layer in layers]
    line = axes.plot(positions, values, marker=marker, color=color, label=label, linewidth=2, markersize=8, **options)[0]
    if number_format:
        for position, value in zip(positions, values):
            axes.text(position, value, format(value, number_format), ha="center", va="bottom", fontsize=8,
                      fontweight="bold")
    return line


def finish(axes, layers, title, y_label, grid="major", **label_options):
    axes.set_title(title, fontsize=14, fontweight="bold")
    axes.set_xlabel("Transformer Layer", fontsize=12)
    axes.set_ylabel(y_label, fontsize=12, **label_options)
    axes.set_xticks([int(layer) for layer in layers])
    axes.grid(True, which=grid, alpha=0.3)


def main(report_path, picture_path, width="20", height="15"):
    report, layers = read(report_path)

    def values(metric):
        return [report["attention_stats"][layer][metric] for layer in layers]

    figure, ((entropy, rank), (top_k, row), (column, residual)) = pyplot.subplots(
        3, 2, figsize=(float(width), float(height)))

    draw_curve(entropy, layers, values("entropy"), "Attention Entropy", "o", "#7191A9", ".2f")
    finish(entropy, layers, "Attention Entropy per Layer", "Entropy (nats)")

    draw_curve(rank, layers, values("effective_rank"), "Effective Rank", "s", "#B73C39", ".1f")
    rank.set_yscale("log")
    finish(rank, layers, "Attention Concentration (Effective Rank)", "Effective Rank (# effective positions)", "both")

    for k, marker, color in ((5, "o", "#000000"), (10, "s", "#CC8250"), (50, "^", "#6B8D3A")):
        draw_curve(top_k, layers, values(f"top{k}"), f"Top-{k} Mass", marker, color, alpha=0.8)
    top_k.set_ylim(0, 1)
    finish(top_k, layers, "Top-K Attention Concentration", "Fraction of Attention Mass")

    draw_curve(row, layers, values("max_row_weight"), "Max Row Weight", "d", "#34699D", ".3f")
    row.set_ylim(0, 1)
    finish(row, layers, "Max Row Weight (One-Hot Detection)", "Max Attention Weight")

    sums = column.twinx()
    lines = [draw_curve(column, layers, values("col_entropy"), "Column Entropy", "o", "#3D796E"),
             draw_curve(sums, layers, values("max_col_sum"), "Max Column Sum", "s", "#4A9C60")]
    sums.set_ylabel("Max Column Sum", fontsize=12, color="#4A9C60")
    finish(column, layers, "Column Concentration (Sink Collapse Detection)", "Column Entropy (nats)", color="#3D796E")
    column.legend(lines, [line.get_label() for line in lines], loc="best")

    ratios = [report["residual_ratios"].get(layer, float("nan")) for layer in layers]
    draw_curve(residual, layers, ratios, "Residual Update Ratio", "d", "#3978B5", ".3f")
    residual.axhline(0.1, color="#6B8D3A", linestyle="--", alpha=0.5, linewidth=1.5, label="Healthy Lower Bound")
    residual.axhline(1.0, color="#B73C39", linestyle="--", alpha=0.5, linewidth=1.5, label="Healthy Upper Bound")
    residual.set_yscale("log")
    finish(residual, layers, "Residual Update Ratio (Layer Health)", "Update Ratio (||Δx|| / ||x||)", "both")

    for axes in (entropy, rank, top_k, row, residual):
        axes.legend(loc="best")
    figure.suptitle(f"Transformer Attention Diagnostics - Epoch {report.get('num_epochs', 0)}", fontsize=16,
                    fontweight="bold", y=0.995)
    figure.tight_layout()
    figure.savefig(picture_path, dpi=100, bbox_inches="tight")


if __name__ == "__main__":
    main(*sys.argv[1:])
