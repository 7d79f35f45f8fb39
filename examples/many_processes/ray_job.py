#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures with Ray: each task writes its share as a state to a folder that all nodes see; the driver merges them.

Usage: ray_job.py FOLDER SHARES FILE_OR_OPTION_OF_ATTNSCOPE_ANALYZE...
"""
import pathlib
import subprocess
import sys

import ray


@ray.remote
def measure(folder, share, shares, arguments):
    state = pathlib.Path(folder) / f"{share}.state"
    subprocess.run(["attnscope", "analyze", *arguments, "--share", f"{share}/{shares}", "--state-out", state],
                   check=True, stdout=subprocess.DEVNULL)
    return str(state)


def main(folder, shares, *arguments):
    ray.init()
    states = ray.get([measure.remote(folder, share, int(shares), arguments) for share in range(int(shares))])
    subprocess.run(["attnscope", "merge", *states, "-o", f"{folder}/report.json", "--png", f"{folder}/summary.png"],
                   check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
