#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures with Spark, one dump a task, and merges in two steps: a state for each partition, then those on the driver.

Usage: spark-submit spark_job.py FOLDER PARTITIONS DUMP...; FOLDER is one that all nodes see.
"""
import pathlib
import subprocess
import sys

from pyspark.sql import SparkSession


def merge_partition(folder):
    """A function for mapPartitionsWithIndex: the partition's dumps to one state."""
    def measure(index, dumps):
        states = []
        for number, dump in enumerate(dumps):
            states.append(f"{folder}/{index}-{number}.part")
            subprocess.run(["attnscope", "analyze", dump, "--state-out", states[-1]],
                           check=True, stdout=subprocess.DEVNULL)
        if not states:
            return []
        merged = f"{folder}/{index}.state"
        subprocess.run(["attnscope", "merge", *states, "--state-out", merged], check=True, stdout=subprocess.DEVNULL)
        for state in states:
            pathlib.Path(state).unlink()
        return [merged]
    return measure


def main(folder, partitions, *dumps):
    context = SparkSession.builder.appName("attnscope").getOrCreate().sparkContext
    states = context.parallelize(dumps, int(partitions)).mapPartitionsWithIndex(merge_partition(folder)).collect()
    subprocess.run(["attnscope", "merge", *states, "-o", f"{folder}/report.json", "--png", f"{folder}/summary.png"],
                   check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
