# SPDX-License-Identifier: Apache-2.0
"""Reports to experiment trackers: scalars, pictures, and alerts of verdicts.

    attnscope.loggers.to_wandb(report)                  # the active run
    attnscope.loggers.to_tensorboard(report, writer)    # a SummaryWriter
    attnscope.loggers.TrainerCallback()                 # of Hugging Face Transformers' Trainer
    attnscope.loggers.LightningCallback()               # of Lightning's Trainer

The last two measure the model while it trains (`attnscope.watch`).
"""

import importlib
import os
import tempfile

__all__ = ["LightningCallback", "TrainerCallback", "to_tensorboard", "to_wandb"]

_SEVERITIES = ("warning", "critical")


def to_wandb(report, *, run=None, key="attnscope", figures=("summary",), alert="critical", step=None):
    """Logs a report to Weights & Biases, in one step of the run.

    run: the active one unless given. key: what names begin with. figures: kinds of `Report.figure`. alert: the least
    severity, "warning" or "critical", of verdicts that become an alert, one for all of them; None: no alerts. step:
    as of `run.log`. Raises RuntimeError where no run is active, ValueError.
    """
    import wandb

    _check_alert(alert)
    run = wandb.run if run is None else run
    if run is None:
        raise RuntimeError("no run of wandb is active: call wandb.init() first, or pass run=")
    logged = dict(report.scalars(f"{key}/"))
    with tempfile.TemporaryDirectory() as folder:
        for kind in figures:
            path = os.path.join(folder, f"{kind}.png")
            report.figure(kind).save(path)
            logged[f"{key}/{kind}"] = wandb.Image(path)
        run.log(logged, step=step, commit=True)
    messages = _messages(report, alert)
    if messages:
        run.alert(title=f"{key}: {len(messages)} verdicts", text="\n".join(messages[:20]))


def to_tensorboard(report, writer, *, step=None, key="attnscope", figures=("summary",), alert="critical"):
    """Logs a report to a SummaryWriter of PyTorch or tensorboardX.

    step: the report's own, else its epoch, unless given. alert: verdicts of at least this severity are logged as text;
    None: none. key and figures as in `to_wandb`. Raises ValueError.
    """
    _check_alert(alert)
    if step is None:
        step = report.step if report.step is not None else report.epoch
    for name, value in report.scalars(f"{key}/").items():
        writer.add_scalar(name, value, step)
    for kind in figures:
        writer.add_image(f"{key}/{kind}", report.figure(kind).rgb, step, dataformats="HWC")
    messages = _messages(report, alert)
    if messages:
        writer.add_text(f"{key}/verdicts", "\n".join(f"- {message}" for message in messages), step)


def _check_alert(alert):
    if alert is not None and alert not in _SEVERITIES:
        raise ValueError(f"alert is {alert!r}, expected 'warning', 'critical' or None")


def _messages(report, alert):
    if alert is None:
        return []
    least = _SEVERITIES.index(alert)
    return [v.message for v in report.diagnose().verdicts if _SEVERITIES.index(v.severity) >= least]


def __getattr__(name):
    # Their base classes are imported when they are asked for.
    if name == "TrainerCallback":
        return importlib.import_module("attnscope.loggers._transformers").TrainerCallback
    if name == "LightningCallback":
        return importlib.import_module("attnscope.loggers._lightning").LightningCallback
    raise AttributeError(f"module 'attnscope.loggers' has no attribute {name!r}")
