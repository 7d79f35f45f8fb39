#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a user does today: matmul, softmax and the eight metrics eagerly in PyTorch, beside `attnscope analyze --qk`.

Needs python3-torch and python3-numpy (Debian), and a built attnscope command:

    /usr/bin/python3 bench/peers/query_key_peer.py build/release/tools/attnscope

One thread, float32, one head. Results are compared first. PyTorch's time is the median of some runs in this process;
attnscope's own time is query_key_bench's (the command reads files and starts threads). Peak memory is the resident
memory that a process of each needs above its inputs.
"""
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch


def diagnose(queries, keys):
    """The eight attention metrics of one head, as they are usually written."""
    weights = torch.softmax(queries @ keys.T / math.sqrt(queries.shape[1]), dim=-1)
    entropy = -torch.xlogy(weights, weights).sum(-1)
    top = weights.topk(min(50, weights.shape[1]), dim=-1).values
    columns = weights.sum(0)
    shares = columns / columns.sum()
    return {
        "entropy": entropy.mean().item(),
        "effective_rank": entropy.exp().mean().item(),
        "top5": top[:, :5].sum(-1).mean().item(),
        "top10": top[:, :10].sum(-1).mean().item(),
        "top50": top.sum(-1).mean().item(),
        "max_row_weight": top[:, 0].mean().item(),
        "col_entropy": -torch.xlogy(shares, shares).sum().item(),
        "max_col_sum": columns.max().item(),
    }


def peak_of(work):
    """Kilobytes of resident memory that a child process needs for work() above what it has before."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work()
        os.write(writer, str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reader, 64))


def main():
    command = sys.argv[1]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for head_dim in (64, 128):
            for tokens in (512, 2048):
                torch.manual_seed(tokens + head_dim)
                queries, keys = torch.randn(tokens, head_dim), torch.randn(tokens, head_dim)
                paths = [os.path.join(folder, name) for name in ("L0_q.npy", "L0_k.npy")]
                for path, tensor in zip(paths, (queries, keys)):
                    numpy.save(path, tensor.numpy())
                report = json.loads(
                    subprocess.run([command, "analyze", "--json", "--threads", "1", "--qk", *paths], check=True,
                                   capture_output=True).stdout)
                ours = report["attention_stats"]["0"]
                theirs = diagnose(queries, keys)
                for name, value in theirs.items():
                    if not abs(ours[name] - value) <= 2e-4 * abs(value):
                        sys.exit(f"{name} differs: {ours[name]} and {value}")
                turns = []
                for _ in range(5):
                    start = time.perf_counter()
                    diagnose(queries, keys)
                    turns.append(time.perf_counter() - start)
                memory = peak_of(lambda: diagnose(queries, keys))
                print(f"{head_dim:4} x {tokens:5}: PyTorch {statistics.median(turns) * 1e3:8.2f} ms, "
                      f"{memory / 1024:6.1f} MiB above its inputs", flush=True)


if __name__ == "__main__":
    main()
