#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures with Dask: each task sends its accumulators to the client, which merges them as they come. The scheduler gives the
tasks of a worker that died to others.

Usage: dask_job.py FOLDER TASKS DUMP...; all workers see the dumps and have attnscope. Starts workers on this machine; for
those of a cluster, Client(ADDRESS). See shares.py.
"""
import sys

import shares
from dask.distributed import Client, as_completed


def results(futures):
    for _, layers in as_completed(futures, with_results=True):
        yield from layers.items()


def main(folder, tasks, *dumps):
    tasks = int(tasks)
    with Client(n_workers=tasks, threads_per_worker=1, dashboard_address=None) as client:
        client.upload_file(shares.__file__)
        pieces = shares.pieces_of(dumps, tasks)
        futures = client.map(shares.measure, [pieces[task::tasks] for task in range(tasks)], pure=False)
        report = shares.report_of(results(futures))
    shares.write(report, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
