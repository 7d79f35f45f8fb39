#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The golden numbers of the bundled attention, from their definitions (docs/metrics.md), in NumPy's long double.

  tests/data/make_golden.py RUN            prints RUN.golden.json of RUN = use_short or use_long
  tests/data/make_golden.py --check RUN..  compares with the bundled files; exit code 1 if a number differs

It shares nothing with the kernels: each metric is a line or two of NumPy over whole matrices. Without NumPy, or where a
long double has fewer than 63 bits behind the point (it has them on x86), it exits with 77, "skipped". NumPy 1.24 gives
the bundled files byte for byte; another version may add up in another order, which moves a last digit at most.
"""
import json
import math
import os
import sys

SKIPPED = 77
try:
  import numpy as np
except ImportError:
  sys.exit(SKIPPED)

DATA = os.path.dirname(os.path.abspath(__file__))
LAYERS = 2
SINK_HEAD = 0.3
SATURATED = 0.99
MOST_ULPS = 2  # of a double


def load(run, layer, what):
  return np.load(os.path.join(DATA, f"{run}_L{layer}_{what}.npy")).astype(np.longdouble)


def entropy(weights):
  """-sum w log w over the last axis; 0 log 0 = 0."""
  positive = np.where(weights > 0, weights, 1)
  return -(positive * np.log(positive)).sum(-1)


def row_metrics(weights):
  """Of matrices [heads, queries, keys]: each row's metrics [heads, queries]."""
  descending = -np.sort(-weights, -1)
  rows = {"entropy": entropy(weights)}
  rows["effective_rank"] = np.exp(rows["entropy"])
  for k in (5, 10, 50):
    rows[f"top{k}"] = descending[..., :k].sum(-1)
  rows["max_row_weight"] = descending[..., 0]
  return rows


def attention_metrics(weights, visible):
  """The metrics of the layer, and of each head as arrays [heads]. `visible`: keys that each row sees [queries]."""
  queries = weights.shape[1]
  heads = {name: values.mean(-1) for name, values in row_metrics(weights).items()}
  columns = weights.sum(1)
  heads["col_entropy"] = entropy(columns / columns.sum(-1, keepdims=True))
  heads["max_col_sum"] = columns.max(-1)
  several = visible > 1  # a row that sees one key has no normalized entropy
  heads["normalized_entropy"] = (entropy(weights)[:, several] / np.log(visible[several].astype(np.longdouble))).mean(-1)
  heads["sink_position"] = columns.argmax(-1)
  heads["sink_mass"] = heads["max_col_sum"] / queries
  heads["first_token_mass"] = columns[:, 0] / queries
  # All heads have the same number of rows, so the mean over rows is that over heads.
  layer = {name: values.mean() for name, values in heads.items() if name != "sink_position"}
  layer["sink_rate"] = (heads["first_token_mass"] > SINK_HEAD).mean()
  return layer, heads


def plain(values):
  """Long doubles to the doubles that JSON has."""
  if isinstance(values, dict):
    return {name: plain(value) for name, value in values.items()}
  return [float(value) for value in values] if np.ndim(values) else float(values)


def all_visible(weights):
  return np.full(weights.shape[1], weights.shape[2])


def logit_metrics(logits, causal):
  queries, keys = logits.shape[1:]
  visible = np.arange(queries) + 1 + keys - queries if causal else all_visible(logits)
  seen = np.arange(keys) < visible[:, None]
  shifted = np.where(seen, logits - np.where(seen, logits, -np.inf).max(-1, keepdims=True), -np.inf)
  exponentials = np.exp(shifted)
  weights = exponentials / exponentials.sum(-1, keepdims=True)
  layer, heads = attention_metrics(weights, visible)
  unmasked = logits[:, seen]
  mean = unmasked.mean()
  return {
      "attention": {"layer": layer, "heads": heads},
      "logit_mean": mean,
      "logit_std": np.sqrt(((unmasked - mean) ** 2).mean()),
      "max_abs_logit": np.abs(unmasked).max(),
      "saturation_ratio": (weights.max(-1) >= SATURATED).mean(),
  }


def norm(values, axis=None):
  return np.sqrt((values * values).sum(axis))


def golden(run):
  result = {}
  for index in range(LAYERS):
    weights = load(run, index, "attn")
    layer, heads = attention_metrics(weights, all_visible(weights))
    mean = weights.mean(0, keepdims=True)
    logits = load(run, index, "logits")
    before, after = load(run, index, "resid_in"), load(run, index, "resid_out")
    result[str(index)] = plain_tree({
        "weights": {"layer": layer, "heads": heads},
        "mean_matrix": attention_metrics(mean, all_visible(mean))[0],
        "logits": logit_metrics(logits, False),
        "logits_causal": logit_metrics(logits, True),
        "residual": {
            "residual_ratio": norm(after - before) / norm(before),
            "token_residual_ratio": (norm(after - before, 1) / norm(before, 1)).mean(),
        },
    })
  return result


def plain_tree(tree):
  return {name: plain(value) for name, value in tree.items()}


def differences(ours, theirs, path=""):
  """Lines that say where two trees of numbers differ by more than roundings of a double."""
  if isinstance(theirs, dict):
    if not isinstance(ours, dict) or ours.keys() != theirs.keys():
      return [f"{path}: has {list(ours)}, not {list(theirs)}"]
    return [line for name in theirs for line in differences(ours[name], theirs[name], f"{path}.{name}")]
  if isinstance(theirs, list):
    if len(ours) != len(theirs):
      return [f"{path}: {len(ours)} heads, not {len(theirs)}"]
    return [line for i, pair in enumerate(zip(ours, theirs)) for line in differences(*pair, f"{path}[{i}]")]
  if abs(ours - theirs) <= MOST_ULPS * math.ulp(max(abs(ours), abs(theirs))):
    return []
  return [f"{path}: {ours!r}, not {theirs!r}"]


def count(tree):
  if isinstance(tree, dict):
    return sum(count(value) for value in tree.values())
  return len(tree) if isinstance(tree, list) else 1


def main(arguments):
  if np.finfo(np.longdouble).nmant < 63:
    return SKIPPED
  if len(arguments) == 1 and not arguments[0].startswith("-"):
    print(json.dumps(golden(arguments[0]), indent=1))
    return 0
  if len(arguments) < 2 or arguments[0] != "--check":
    print(__doc__, file=sys.stderr)
    return 2
  problems = []
  for run in arguments[1:]:
    with open(os.path.join(DATA, run + ".golden.json"), encoding="utf-8") as file:
      bundled = json.load(file)
    lines = differences(golden(run), bundled, run)
    print(f"{run}: {count(bundled)} numbers, {len(lines)} differ")
    problems += lines
  print("\n".join(problems))
  return 1 if problems else 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
