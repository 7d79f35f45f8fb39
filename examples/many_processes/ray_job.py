#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures with Ray: each task sends its accumulators to the driver, which merges them. Ray starts the task of a worker that
died again.

Usage: ray_job.py FOLDER TASKS DUMP...; all nodes see the dumps and have attnscope. See shares.py.
"""
import itertools
import pathlib
import sys

import ray
import shares


def main(folder, tasks, *dumps):
    # Workers import shares.py too.
    ray.init(runtime_env={"working_dir": str(pathlib.Path(shares.__file__).parent)}, log_to_driver=False)
    tasks = int(tasks)
    pieces = shares.pieces_of(dumps, tasks)
    measure = ray.remote(shares.measure)
    measured = ray.get([measure.remote(pieces[task::tasks]) for task in range(tasks)])
    report = shares.report_of(itertools.chain.from_iterable(layers.items() for layers in measured))
    shares.write(report, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
