#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures with Spark: each partition gives its accumulators, which Spark merges by key. It runs a task that failed again,
on one machine only with a master such as local[2,4].

Usage: spark-submit spark_job.py FOLDER PARTITIONS DUMP...; all nodes see the dumps and have attnscope. See shares.py.
"""
import sys

import shares
from pyspark.sql import SparkSession


def main(folder, partitions, *dumps):
    context = SparkSession.builder.appName("attnscope").getOrCreate().sparkContext
    context.addPyFile(shares.__file__)
    pieces = shares.pieces_of(dumps, int(partitions))
    measured = context.parallelize(pieces, int(partitions)).mapPartitions(lambda part: shares.measure(part).items())
    shares.write(shares.report_of(measured.reduceByKey(shares.add).collect()), folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
