#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a tiny language model with Transformers' Trainer and watches its attention: a report every 20 steps.

Usage: finetune.py FOLDER [STEPS]; needs torch, transformers and accelerate. FOLDER gets attnscope/step_*.json, the
picture of the last report and that of the history.
"""
import sys

import torch
import transformers

import attnscope
import attnscope.loggers


def sentences(count, length=64, seed=0):
    """Rows that repeat a random phrase, which a model learns by attending to the last time that it came."""
    generator = torch.Generator().manual_seed(seed)
    phrases = torch.randint(1, 96, (count, 8), generator=generator)
    return [{"input_ids": row, "labels": row} for row in phrases.repeat(1, length // 8)]


def main(folder, steps="100"):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(vocab_size=96, hidden_size=64, intermediate_size=128, num_hidden_layers=4,
                                      num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)
    health = attnscope.loggers.TrainerCallback(every=4)
    arguments = transformers.TrainingArguments(output_dir=folder, max_steps=int(steps), logging_steps=20,
                                               per_device_train_batch_size=8, learning_rate=2e-3, report_to=[],
                                               save_strategy="no", disable_tqdm=True)
    trainer = transformers.Trainer(transformers.LlamaForCausalLM(config), arguments, train_dataset=sentences(512),
                                   callbacks=[health])
    trainer.train()
    print(health.reports[-1].diagnose())
    attnscope.history(health.reports).save(f"{folder}/history.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
