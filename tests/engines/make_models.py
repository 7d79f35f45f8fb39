#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tiny GGUF models of random weights, seeded, of the architectures whose attention differs: make_models.py FOLDER [--big].

llama: 8 heads, 2 of keys. gemma2: soft caps, windows of 64. gemma3: windows of 64, queries and keys normalised. gptoss:
learned sinks, windows of 64, experts. refact: ALiBi. bert: no cache, no causality. --big: two llamas to measure
time with, a small one and a quarter of what Llama 3.2 1B is, in layers and in vocabulary.
"""
import os
import sys

import numpy as np
from gguf import GGUFWriter
out = sys.argv[1]; os.makedirs(out, exist_ok=True)

def base(path, arch, E, L, F, H, HK, D, V, ctx, seed):
    w = GGUFWriter(path, arch); r = np.random.default_rng(seed)
    w.add_context_length(ctx); w.add_embedding_length(E); w.add_block_count(L); w.add_feed_forward_length(F)
    w.add_head_count(H); w.add_head_count_kv(HK); w.add_key_length(D); w.add_value_length(D)
    w.add_layer_norm_rms_eps(1e-5); w.add_rope_dimension_count(D); w.add_vocab_size(V)
    w.add_tokenizer_model("no_vocab")
    return w, r

def mat(r, rows, cols, std, dtype=np.float16):  # numpy [out, in]
    return (r.standard_normal((rows, cols), dtype=np.float32) * std).astype(dtype)

def common(w, r, E, F, H, HK, D, V, L, sharp, dtype=np.float16, ffn=True, norm=1.0):
    w.add_tensor("token_embd.weight", mat(r, V, E, 1.0, dtype))
    w.add_tensor("output_norm.weight", np.full(E, norm, np.float32))
    for i in range(L):
        s = np.sqrt(sharp[i % len(sharp)])
        p = f"blk.{i}."
        w.add_tensor(p + "attn_norm.weight", np.full(E, norm, np.float32))
        w.add_tensor(p + "attn_q.weight", mat(r, H * D, E, s / np.sqrt(E), dtype))
        w.add_tensor(p + "attn_k.weight", mat(r, HK * D, E, s / np.sqrt(E), dtype))
        w.add_tensor(p + "attn_v.weight", mat(r, HK * D, E, 1 / np.sqrt(E), dtype))
        w.add_tensor(p + "attn_output.weight", mat(r, E, H * D, 0.5 / np.sqrt(H * D), dtype))
        w.add_tensor(p + "ffn_norm.weight", np.full(E, norm, np.float32)) if ffn else None
        if ffn:
            w.add_tensor(p + "ffn_gate.weight", mat(r, F, E, 1 / np.sqrt(E), dtype))
            w.add_tensor(p + "ffn_up.weight", mat(r, F, E, 1 / np.sqrt(E), dtype))
            w.add_tensor(p + "ffn_down.weight", mat(r, E, F, 0.5 / np.sqrt(F), dtype))

def done(w):
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()

def llama(name, E, L, F, H, HK, D, V, sharp, seed):
    w, r = base(f"{out}/{name}.gguf", "llama", E, L, F, H, HK, D, V, 8192, seed)
    common(w, r, E, F, H, HK, D, V, L, sharp)
    w.add_tensor("output.weight", mat(r, V, E, 1 / np.sqrt(E)))
    done(w)

llama("llama", 512, 4, 256, 8, 2, 64, 256, [0.5, 1.0, 2.0, 4.0], 1)
if "--big" in sys.argv:
    llama("llama_mid", 1024, 6, 2816, 16, 4, 64, 1024, [0.5, 1.0, 2.0, 4.0], 2)
    llama("llama_1b", 2048, 4, 8192, 32, 8, 64, 32064, [0.5, 1.0, 2.0, 4.0], 7)

# gemma2: soft cap 50 (and here sharp logits so that it matters: cap 5), window 64, layers alternate SWA / full
E, L, F, H, HK, D, V = 512, 4, 256, 8, 2, 64, 256
w, r = base(f"{out}/gemma2.gguf", "gemma2", E, L, F, H, HK, D, V, 8192, 3)
w.add_sliding_window(64); w.add_attn_logit_softcapping(5.0); w.add_final_logit_softcapping(30.0)
common(w, r, E, F, H, HK, D, V, L, [1.0, 4.0, 2.0, 4.0])
for i in range(L):
    w.add_tensor(f"blk.{i}.post_attention_norm.weight", np.full(E, 0.5, np.float32))
    w.add_tensor(f"blk.{i}.post_ffw_norm.weight", np.full(E, 0.5, np.float32))
done(w)

# gemma3: window 64, every 6th layer full; QK norm
L = 6
w, r = base(f"{out}/gemma3.gguf", "gemma3", E, L, F, H, HK, D, V, 8192, 4)
w.add_sliding_window(64)
common(w, r, E, F, H, HK, D, V, L, [1.0])
for i in range(L):
    w.add_tensor(f"blk.{i}.attn_q_norm.weight", np.full(D, 1.2, np.float32))
    w.add_tensor(f"blk.{i}.attn_k_norm.weight", np.full(D, 1.2, np.float32))
    w.add_tensor(f"blk.{i}.post_attention_norm.weight", np.full(E, 0.5, np.float32))
    w.add_tensor(f"blk.{i}.post_ffw_norm.weight", np.full(E, 0.5, np.float32))
done(w)

# gpt-oss: sinks, window 64 on even layers, MoE of 4 experts, 2 used
L, X = 4, 4
w, r = base(f"{out}/gptoss.gguf", "gpt-oss", E, L, F, H, HK, D, V, 8192, 5)
w.add_sliding_window(64); w.add_expert_count(X); w.add_expert_used_count(2); w.add_expert_feed_forward_length(F)
w.add_rope_freq_base(150000.0)
common(w, r, E, F, H, HK, D, V, L, [1.0, 2.0], ffn=False)
w.add_tensor("output.weight", mat(r, V, E, 1 / np.sqrt(E)))
for i in range(L):
    p = f"blk.{i}."
    w.add_tensor(p + "post_attention_norm.weight", np.ones(E, np.float32))
    for n, k in (("attn_q", H * D), ("attn_k", HK * D), ("attn_v", HK * D), ("attn_output", E)):
        w.add_tensor(p + n + ".bias", (r.standard_normal(k) * 0.02).astype(np.float32))
    w.add_tensor(p + "attn_sinks.weight", np.linspace(0.0, 5.0, H).astype(np.float32))
    w.add_tensor(p + "ffn_gate_inp.weight", mat(r, X, E, 1 / np.sqrt(E), np.float32))
    w.add_tensor(p + "ffn_gate_inp.bias", np.zeros(X, np.float32))
    for n in ("gate", "up"):
        w.add_tensor(p + f"ffn_{n}_exps.weight", (r.standard_normal((X, F, E), dtype=np.float32) / np.sqrt(E)).astype(np.float16))
        w.add_tensor(p + f"ffn_{n}_exps.bias", np.zeros((X, F), np.float32))
    w.add_tensor(p + "ffn_down_exps.weight", (r.standard_normal((X, E, F), dtype=np.float32) * 0.5 / np.sqrt(F)).astype(np.float16))
    w.add_tensor(p + "ffn_down_exps.bias", np.zeros((X, E), np.float32))
done(w)

# refact: ALiBi
w, r = base(f"{out}/refact.gguf", "refact", 512, 3, 256, 8, 2, 64, 256, 8192, 6)
common(w, r, 512, 256, 8, 2, 64, 256, 3, [1.0, 4.0])
w.add_tensor("output.weight", mat(r, 256, 512, 1 / np.sqrt(512)))
done(w)

# bert: no cache
E, L, F, H, D, V = 512, 3, 256, 8, 64, 256
w = GGUFWriter(f"{out}/bert.gguf", "bert"); r = np.random.default_rng(7)
w.add_context_length(2048); w.add_embedding_length(E); w.add_block_count(L); w.add_feed_forward_length(F)
w.add_head_count(H); w.add_layer_norm_eps(1e-5); w.add_causal_attention(False); w.add_vocab_size(V)
w.add_tokenizer_model("no_vocab"); w.add_token_type_count(2)
w.add_tensor("token_embd.weight", mat(r, V, E, 1.0))
w.add_tensor("token_types.weight", mat(r, 2, E, 0.1, np.float32))
w.add_tensor("position_embd.weight", mat(r, 2048, E, 1.0, np.float32))
for n in ["token_embd_norm"] + [f"blk.{i}.{n}" for i in range(L) for n in ("attn_output_norm", "layer_output_norm")]:
    w.add_tensor(n + ".weight", np.ones(E, np.float32))
    w.add_tensor(n + ".bias", np.zeros(E, np.float32))
for i in range(L):
    for n, rows, columns in (("attn_q", E, E), ("attn_k", E, E), ("attn_v", E, E), ("attn_output", E, E),
                             ("ffn_up", F, E), ("ffn_down", E, F)):
        w.add_tensor(f"blk.{i}.{n}.weight", mat(r, rows, columns, 1.5 / np.sqrt(columns)))
        w.add_tensor(f"blk.{i}.{n}.bias", np.zeros(rows, np.float32))
done(w)
