#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes made-up logits of six layers with eight heads, which docs/figures/draw has pictures drawn of: heads that look
at the token before, at near tokens, at a few keys, everywhere, and at a sink that takes more the deeper the layer; head 5
of layer 4 has collapsed on one key. Usage: make_attention.py FILE.npy"""
import array
import random
import struct
import sys

LAYERS, HEADS, TOKENS = 6, 8, 128


def logit(layer, head, query, key):
    value = random.gauss(0.0, 0.8)
    age = query - key
    if layer == 4 and head == 5:
        return value + (14.0 if key == 37 else 0.0)
    if key == 0:
        value += 0.9 * layer + (2.5 if head in (2, 6) else 0.0)
    if head == 0:
        value += 7.0 if age == 1 else 0.0
    elif head == 1:
        value -= 0.25 * age
    elif head == 3:
        value += 3.0 if key % 17 == 5 else 0.0
    elif head == 4:
        value += 3.5 if age % 24 == 0 else 0.0
    elif head == 7:
        value *= 0.2
    return value


def main():
    random.seed(7)
    logits = array.array("f")
    for layer in range(LAYERS):
        for head in range(HEADS):
            for query in range(TOKENS):
                row = [logit(layer, head, query, key) for key in range(query + 1)]
                logits.extend(row + [float("-inf")] * (TOKENS - query - 1))
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': %r, }" % ((LAYERS, 1, HEADS, TOKENS, TOKENS),)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    if sys.byteorder == "big":
        logits.byteswap()
    with open(sys.argv[1], "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin1") + logits.tobytes())


main()
