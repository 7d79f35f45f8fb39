# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import transformers

from attnscope._watch import watch
from attnscope.loggers import to_wandb


class TrainerCallback(transformers.TrainerCallback):
    """For `transformers.Trainer(callbacks=[...])`: measures the model while it trains.

    Whenever the trainer logs its loss, what was measured since becomes a report: its scalars join the trainer's `log_history`, it
    goes to `log(report)`, and below the trainer's output_dir are `attnscope/step_*.json` and the picture of the last
    one. log: by default `to_wandb`, where a run is active. Options: those of `attnscope.watch`; copy is True by
    default, as training is mostly on a GPU, and so is only_training. `reports` has the reports that were made.
    """

    def __init__(self, *, log=None, key="attnscope", copy=True, only_training=True, **options):
        self.reports = []
        self._options = dict(options, copy=copy, only_training=only_training)
        self._log, self._key = log, key
        self._watch = None

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        self._close()  # of a training that did not come to its end
        self._watch = watch(model, **self._options)
        self._watch.__enter__()

    def on_train_end(self, args, state, control, **kwargs):
        self._close()

    def _close(self):
        if self._watch is not None:
            self._watch.__exit__(None, None, None)
            self._watch = None

    def on_log(self, args, state, control, logs=None, **kwargs):
        is_evaluation = any(name.startswith("eval_") for name in logs or ())
        if self._watch is None or is_evaluation or not state.is_world_process_zero:
            return
        reports = self._watch.reports(step=state.global_step, stage="train")
        for stack, report in reports.items():
            # A model of one stack needs no name for it.
            key = self._key if len(reports) == 1 else f"{self._key}/{stack}"
            self._take(args, state, report, key)
        self._watch.reset()

    def _take(self, args, state, report, key):
        self.reports.append(report)
        if state.log_history:
            state.log_history[-1].update(report.scalars(f"{key}/"))
        folder = pathlib.Path(args.output_dir) / key.replace("*", "_")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"step_{report.step}.json").write_text(report.to_json(verdicts=True))
        report.figure("summary").save(folder / "summary.png")
        if self._log is not None:
            self._log(report)
        elif getattr(sys.modules.get("wandb"), "run", None) is not None:
            to_wandb(report, key=key)
