# SPDX-License-Identifier: Apache-2.0
try:
    import lightning.pytorch as lightning
except ImportError:
    import pytorch_lightning as lightning

from attnscope._watch import watch


class LightningCallback(lightning.Callback):
    """For `lightning.Trainer(callbacks=[...])`: measures the model, of Hugging Face Transformers, while it trains.

    At the end of each epoch what was measured becomes a report. Its scalars go to the trainer's loggers, and the report
    to `log(report)`, if given: `functools.partial(attnscope.loggers.to_tensorboard, writer=...)`. Options: those of
    `attnscope.watch`; copy and only_training are True by default. `reports` has the reports that were made.
    """

    def __init__(self, *, log=None, key="attnscope", copy=True, only_training=True, **options):
        super().__init__()
        self.reports = []
        self._options = dict(options, copy=copy, only_training=only_training)
        self._log, self._key = log, key
        self._watch = None

    def on_train_start(self, trainer, pl_module):
        self._close()
        self._watch = watch(pl_module, **self._options)
        self._watch.__enter__()

    def on_train_epoch_end(self, trainer, pl_module):
        moment = dict(epoch=trainer.current_epoch, step=trainer.global_step, stage="train")
        reports = self._watch.reports(**moment)
        for stack, report in reports.items():
            key = self._key if len(reports) == 1 else f"{self._key}/{stack}"
            self.reports.append(report)
            for logger in trainer.loggers:
                logger.log_metrics(report.scalars(f"{key}/"), step=trainer.global_step)
            if self._log is not None:
                self._log(report)
        self._watch.reset()

    def on_train_end(self, trainer, pl_module):
        self._close()

    def on_exception(self, trainer, pl_module, exception):
        self._close()

    def _close(self):
        if self._watch is not None:
            self._watch.__exit__(None, None, None)
            self._watch = None
