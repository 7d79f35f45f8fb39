# SPDX-License-Identifier: Apache-2.0
"""Each tracker by its real library."""
import functools
import json

import numpy
import pytest
from conftest import softmax

import attnscope
import attnscope.loggers


@pytest.fixture
def report():
    """Two layers, the second of which has collapsed."""
    layers = {}
    for index, sharpness in enumerate((1.0, 1000.0)):
        logits = sharpness * numpy.random.default_rng(index).normal(size=(4, 64, 64))
        layers[index] = attnscope.LayerAccumulator(heads=4, max_keys=64)
        layers[index].add_weights(softmax(logits).astype(numpy.float32))
    return attnscope.Report(layers, step=70, stage="val")


def test_wandb_offline(report, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    alerts = []
    with wandb.init(mode="offline", dir=tmp_path, project="attnscope") as run:
        alert = run.alert
        monkeypatch.setattr(run, "alert", lambda **keywords: alerts.append(keywords) or alert(**keywords))
        attnscope.loggers.to_wandb(report, figures=("summary", "heads"))
        assert run.summary["attnscope/layer_1/entropy"] == report[1].layer["entropy"]
        assert run.summary["attnscope/summary"]["_type"] == "image-file"
        assert run.summary["attnscope/heads"]["width"] == 2000
        drop_in = attnscope.TransformerDiagnostics(tmp_path)
        drop_in.plot_attention_diagnostics({0: report[0].layer}, {0: 0.5}, num_epochs=3, stage="test")
        assert run.summary["test_transformer_diagnostics/summary"]["_type"] == "image-file"
    assert list(tmp_path.rglob("run-*.wandb"))
    assert list(tmp_path.rglob("media/images/attnscope/summary*.png"))
    assert len(alerts) == 1 and "one-hot collapse in layer 1" in alerts[0]["text"]
    with pytest.raises(RuntimeError, match="no run"):
        attnscope.loggers.to_wandb(report)


def read_events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard(report, tmp_path):
    pytest.importorskip("tensorboard")
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(tmp_path) as writer:
        attnscope.loggers.to_tensorboard(report, writer)
    events = read_events(tmp_path)
    (scalar,) = events.Scalars("attnscope/layer_1/entropy")
    assert scalar.step == 70 and scalar.value == pytest.approx(report[1].layer["entropy"], rel=1e-6)
    (image,) = events.Images("attnscope/summary")
    assert (image.width, image.height) == (2000, 1500) and image.encoded_image_string[:4] == b"\x89PNG"
    assert "attnscope/verdicts/text_summary" in events.Tags()["tensors"]


def test_alert_is_checked(report):
    for log in (attnscope.loggers.to_wandb, functools.partial(attnscope.loggers.to_tensorboard, writer=None)):
        with pytest.raises((ValueError, ImportError)):
            log(report, alert="urgent")


def tiny_model():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers", minversion="5.0")
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                 num_attention_heads=4, num_key_value_heads=2, pad_token_id=0))


@pytest.mark.parametrize("evaluates", [False, True])
def test_trainer_callback(tmp_path, evaluates):
    model = tiny_model()
    pytest.importorskip("accelerate")
    import torch
    import transformers

    data = [{"input_ids": row, "labels": row} for row in torch.randint(1, 64, (16, 24))]
    seen = []
    callback = attnscope.loggers.TrainerCallback(every=1, log=seen.append)
    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), max_steps=4, logging_steps=2, report_to=[],
                                               per_device_train_batch_size=4, use_cpu=True, save_strategy="no",
                                               disable_tqdm=True, eval_steps=1, eval_strategy="steps" if evaluates else "no")
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=data, eval_dataset=data[:3],
                                   callbacks=[callback])
    trainer.train()
    assert [report.step for report in callback.reports][:2] == [2, 4] and seen == callback.reports
    report = callback.reports[0]
    assert report[1].layer["rows"] == 2 * 4 * 4 * 24 and "residual_ratio" in report[1].layer
    logged = [one for one in trainer.state.log_history if "attnscope/layer_1/entropy" in one]
    assert logged[0]["attnscope/layer_1/entropy"] == report[1].layer["entropy"]
    assert json.loads((tmp_path / "attnscope" / "step_2.json").read_text())["stage"] == "train"
    assert (tmp_path / "attnscope" / "summary.png").stat().st_size > 1000


def test_a_training_that_was_interrupted_may_begin_again(tmp_path):
    model = tiny_model()
    pytest.importorskip("accelerate")
    import torch
    import transformers

    class Interrupt(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 1:
                raise KeyboardInterrupt

    original = transformers.AttentionInterface.get_interface
    data = [{"input_ids": row, "labels": row} for row in torch.randint(1, 64, (16, 24))]
    callback, interrupt = attnscope.loggers.TrainerCallback(every=1), Interrupt()
    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), max_steps=2, logging_steps=2, report_to=[],
                                               per_device_train_batch_size=4, use_cpu=True, save_strategy="no",
                                               disable_tqdm=True)
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=data, callbacks=[callback, interrupt])
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    trainer.remove_callback(interrupt)
    trainer.train()
    assert callback.reports[0][1].layer["rows"] == 2 * 4 * 4 * 24
    assert transformers.AttentionInterface.get_interface is original
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("validates", [False, True])
def test_lightning_callback(tmp_path, validates):
    lightning = pytest.importorskip("lightning.pytorch")
    model = tiny_model()
    import torch
    from lightning.pytorch.loggers import CSVLogger

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = model

        def training_step(self, batch, index):
            return self.model(batch, labels=batch).loss

        def validation_step(self, batch, index):
            self.model(batch)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 1e-3)

    data = torch.utils.data.DataLoader(torch.randint(1, 64, (16, 24)), batch_size=4)
    seen = []
    callback = attnscope.loggers.LightningCallback(every=2, log=seen.append)
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", callbacks=[callback], logger=CSVLogger(tmp_path),
                                enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False)
    evaluations = torch.utils.data.DataLoader(torch.randint(1, 64, (9, 24)), batch_size=3) if validates else None
    trainer.fit(Module(), data, evaluations)
    assert [report.epoch for report in callback.reports] == [0, 1] and seen == callback.reports
    assert callback.reports[0][0].layer["rows"] == 2 * 4 * 4 * 24
    (table,) = tmp_path.rglob("metrics.csv")
    assert "attnscope/layer_1/entropy" in table.read_text()
