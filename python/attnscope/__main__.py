# SPDX-License-Identifier: Apache-2.0
"""`python -m attnscope`: the command, as built beside this module."""

import os
import pathlib
import sys


def main():
    """Becomes the command; its arguments, streams and exit code are those of this process."""
    command = pathlib.Path(__file__).with_name("bin") / "attnscope"
    try:
        os.execv(command, ["attnscope", *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"attnscope: cannot run {command}: {error.strerror}")


if __name__ == "__main__":
    main()
