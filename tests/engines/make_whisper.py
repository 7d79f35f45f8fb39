#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tiny whisper model of random weights, seeded, in the format of whisper.cpp: make_whisper.py FILE.

The format is that of its models/README: a magic number, 11 sizes, the filters of the spectrogram, the vocabulary, and
tensors with their names, float16 where they are matrices. Two heads of 64, 4 layers of the encoder, 3 of the decoder,
96 frames; sharper from layer to layer.
"""
import struct
import sys

import numpy as np

VOCABULARY, FRAMES, STATE, HEADS, ENCODER, TEXT, DECODER, MELS = 300, 96, 128, 2, 4, 64, 3, 80
FOURIER = 201
random = np.random.default_rng(8)


def integers(file, *values):
    file.write(struct.pack(f"<{len(values)}i", *values))


def tensor(file, name, values, dtype=np.float32):
    values = np.ascontiguousarray(values, dtype)
    integers(file, values.ndim, len(name), 1 if dtype == np.float16 else 0)
    integers(file, *reversed(values.shape))
    file.write(name.encode() + values.tobytes())


def matrix(file, name, *shape, scale=1.0):
    fan_in = np.prod(shape[1:])
    tensor(file, name, random.standard_normal(shape) * scale / np.sqrt(fan_in), np.float16)


def norm(file, name):
    tensor(file, name + ".weight", np.ones(STATE))
    tensor(file, name + ".bias", random.standard_normal(STATE) * 0.02)


def linear(file, name, outputs, inputs, scale=1.0, bias=True):
    matrix(file, name + ".weight", outputs, inputs, scale=scale)
    if bias:
        tensor(file, name + ".bias", random.standard_normal(outputs) * 0.02)


def attention(file, name, sharpness):
    norm(file, name + "_ln")
    linear(file, name + ".query", STATE, STATE, sharpness)
    linear(file, name + ".key", STATE, STATE, sharpness, bias=False)
    linear(file, name + ".value", STATE, STATE)
    linear(file, name + ".out", STATE, STATE, 0.5)


def block(file, name, sharpness, cross):
    attention(file, name + ".attn", sharpness)
    if cross:
        attention(file, name + ".cross_attn", sharpness)
    norm(file, name + ".mlp_ln")
    linear(file, name + ".mlp.0", 4 * STATE, STATE)
    linear(file, name + ".mlp.2", STATE, 4 * STATE, 0.5)


with open(sys.argv[1], "wb") as out:
    integers(out, 0x67676D6C)
    integers(out, VOCABULARY, FRAMES, STATE, HEADS, ENCODER, TEXT, STATE, HEADS, DECODER, MELS, 1)
    integers(out, MELS, FOURIER)
    out.write(np.zeros((MELS, FOURIER), np.float32).tobytes())
    integers(out, VOCABULARY)
    for token in range(VOCABULARY):
        word = f"word{token}".encode()
        integers(out, len(word))
        out.write(word)
    tensor(out, "encoder.positional_embedding", random.standard_normal((FRAMES, STATE)))
    matrix(out, "encoder.conv1.weight", STATE, MELS, 3)
    tensor(out, "encoder.conv1.bias", random.standard_normal((STATE, 1)) * 0.02)
    matrix(out, "encoder.conv2.weight", STATE, STATE, 3)
    tensor(out, "encoder.conv2.bias", random.standard_normal((STATE, 1)) * 0.02)
    norm(out, "encoder.ln_post")
    tensor(out, "decoder.positional_embedding", random.standard_normal((TEXT, STATE)))
    matrix(out, "decoder.token_embedding.weight", VOCABULARY, STATE, scale=np.sqrt(STATE))
    norm(out, "decoder.ln")
    for layer in range(ENCODER):
        block(out, f"encoder.blocks.{layer}", 0.7 * 1.4**layer, cross=False)
    for layer in range(DECODER):
        block(out, f"decoder.blocks.{layer}", 0.7 * 1.6**layer, cross=True)
