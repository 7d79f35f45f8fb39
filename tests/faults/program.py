# SPDX-License-Identifier: Apache-2.0
"""The attnscope program on one task, and what must hold whatever happens to it: each output is as it was before, or
complete; no temporary file stays; the exit status tells which. Included by the scripts beside it."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


class Broken(Exception):
    """Something that must hold did not."""


def require(holds, message):
    if not holds:
        raise Broken(message)


class Task:
    """Arguments of the program whose outputs are files of a folder of their own."""

    def __init__(self, program, name, arguments, outputs, old):
        self.program = os.path.abspath(program)
        self.name = name
        self.arguments = arguments
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="attnscope-faults-"))
        self.outputs = {self.folder / output: None for output in outputs}
        self.old = old  # what is in the outputs before, or None for nothing
        self.runs = 0
        done = self.run()
        require(done.returncode == 0, f"{name}: does not work by itself: {done.stderr}")
        self.stdout = done.stdout
        self.outputs = {path: path.read_bytes() for path in self.outputs}

    def command(self):
        return [self.program, *self.arguments]

    def prepare(self):
        for path in self.folder.iterdir():
            path.unlink()
        for path in self.outputs:
            if self.old is not None:
                path.write_bytes(self.old)

    def run(self, before=(), **options):
        """Runs it anew, behind the words `before` of a command that runs commands."""
        self.prepare()
        self.runs += 1
        return subprocess.run([*before, *self.command()], cwd=self.folder, capture_output=True, check=False, **options)

    def complete(self):
        return [path.exists() and path.read_bytes() == whole for path, whole in self.outputs.items()]

    def check_files(self, where, temporary_files_may_stay=False):
        for path, whole in self.outputs.items():
            now = path.read_bytes() if path.exists() else None
            require(now in (self.old, whole), f"{where}: {path.name} has {len(now or b'')} bytes, neither old nor new")
        others = [path.name for path in self.folder.iterdir() if path not in self.outputs]
        if temporary_files_may_stay:
            others = [name for name in others if not (name.startswith(".attnscope-") and name.endswith(".tmp"))]
        require(not others, f"{where}: left {others}")

    def check_end(self, where, done):
        """Of a run that was not ended by a signal."""
        self.check_files(where)
        if done.returncode == 0:
            require(all(self.complete()) and done.stdout == self.stdout, f"{where}: success, but not all is written")
            return
        error = done.stderr.decode(errors="replace")
        require(done.returncode == 2, f"{where}: ended with {done.returncode}: {error}")
        require(error.startswith("attnscope: "), f"{where}: says {error!r}")
        names = [*(path.name for path in self.outputs), *map(os.path.basename, self.arguments)]
        named = any(name in error for name in names if "." in name) or "standard output" in error
        require(named or "memory" in error, f"{where}: names no file: {error!r}")

    def remove(self):
        shutil.rmtree(self.folder)


def tasks(program):
    """A report and a picture that replace older ones, a picture that is new, and a state for `merge` beside a table."""
    # Programs inherit what is ignored: nohup's SIGHUP, and SIGINT in a shell's background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    short = [str(DATA / f"use_short_L{layer}_attn.npy") for layer in (0, 1)]
    yield Task(program, "analyze", ["analyze", *short, "-o", "r.json", "--png", "p.png", "--threads", "1"],
               ["r.json", "p.png"], b"older and good")
    yield Task(program, "render", ["render", str(DATA / "summary_stats.json"), "-o", "p.svg"], ["p.svg"], None)
    yield Task(program, "save", ["analyze", short[0], "--state-out", "s.state", "--threads", "1"], ["s.state"],
               b"older and good")
