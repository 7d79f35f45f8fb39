# SPDX-License-Identifier: Apache-2.0
"""The hook against the weights of the models' own eager attention, in float64."""
import contextlib
import copy
import gc
import warnings

import numpy
import oracle
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.0")

import attnscope  # noqa: E402

SMALL = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2)
GROUPED = dict(SMALL, num_key_value_heads=2)

DECODERS = {
    "llama": lambda: transformers.LlamaConfig(**GROUPED),
    "mistral_window": lambda: transformers.MistralConfig(**GROUPED, sliding_window=7),
    "qwen2": lambda: transformers.Qwen2Config(**GROUPED),
    "gemma2": lambda: transformers.Gemma2Config(**GROUPED, head_dim=8, sliding_window=7, query_pre_attn_scalar=8,
                                                attn_logit_softcapping=2.0),
    "gemma3": lambda: transformers.Gemma3TextConfig(**GROUPED, head_dim=8, sliding_window=7),
    "gpt2": lambda: transformers.GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=128),
    "gpt_oss": lambda: transformers.GptOssConfig(**GROUPED, num_local_experts=2, num_experts_per_tok=1, head_dim=8,
                                                 sliding_window=7),
    "qwen3": lambda: transformers.Qwen3Config(**GROUPED, head_dim=8),
    "phi3": lambda: transformers.Phi3Config(**GROUPED),
    "cohere2": lambda: transformers.Cohere2Config(**GROUPED, sliding_window=7),
    "exaone4": lambda: transformers.Exaone4Config(**GROUPED, sliding_window=7, sliding_window_pattern=2),
    "llama4_chunked": lambda: transformers.Llama4TextConfig(**GROUPED, head_dim=8, attention_chunk_size=8,
                                                            num_local_experts=2, intermediate_size_mlp=48),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**SMALL),
    "opt": lambda: transformers.OPTConfig(**{**SMALL, "hidden_size": 32}, ffn_dim=48, word_embed_proj_dim=32),
}


def make(name, implementation):
    torch.manual_seed(7)
    config = DECODERS[name]()
    if name in ("gemma2", "gpt_oss") and implementation == "sdpa":
        pytest.skip("Transformers' sdpa has no soft cap and no sinks")
    options = {"experts_implementation": "eager"} if name == "gpt_oss" else {}  # the others know no float64
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=implementation, **options).eval()
    return sharpen(model)


def sharpen(model, factor=6.0):
    """Random weights give attention that is nearly uniform, of which nothing could be told apart.

    T5, which does not scale its logits, needs less: keys whose weight is 0 in float64 would count as hidden.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name and "lm_head" not in name:
                parameter.mul_(factor)
    return model


def exact_attentions(model, **inputs):
    """The weights of eager attention in float64: a list of [batch, heads, queries, keys]."""
    exact = copy.deepcopy(model).double()
    exact.set_attn_implementation("eager")
    with torch.no_grad(), exact_softmax():
        return [a.numpy() for a in exact(**inputs, output_attentions=True, use_cache=False).attentions]


@contextlib.contextmanager
def exact_softmax():
    """Eager attention takes its softmax in float32, where float64's least number is -inf, and a masked row NaN."""
    original = torch.nn.functional.softmax
    torch.nn.functional.softmax = lambda value, dim=-1, dtype=None: original(value, dim=dim)
    try:
        yield
    finally:
        torch.nn.functional.softmax = original


OF_COLUMNS = ("col_entropy", "max_col_sum", "sink_mass", "first_token_mass")


def check(stats, weights, padding=None, key_padding=None, without=()):
    """`weights` [batch, heads, queries, keys]; rows and keys that are padding are left out."""
    batch, heads, queries, keys = weights.shape
    padding = numpy.ones((batch, queries), bool) if padding is None else padding
    key_padding = padding if key_padding is None else key_padding
    matrices = [weights[b][:, padding[b]][:, :, key_padding[b]] for b in range(batch)]
    for head in range(heads):
        own = [matrix[head] for matrix in matrices]
        expected = oracle.head_metrics(own, [matrix > 0 for matrix in own])
        for name, value in expected.items():
            if name in without:
                continue
            assert stats.heads[name][head] == pytest.approx(value, rel=2e-4, abs=2e-6), (name, head)
    assert stats.layer["rows"] == sum(matrix.shape[0] * matrix.shape[1] for matrix in matrices)
    assert stats.layer["empty_rows"] == 0


def paddings(kind):
    padding = numpy.ones((3, 20), bool)
    if kind == "left":
        padding[1, :6] = padding[2, :1] = False
    elif kind == "right":
        padding[1, 13:] = False
    return padding


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("padded", ["none", "left", "right"])
@pytest.mark.parametrize("name", sorted(DECODERS))
def test_decoders(name, padded, implementation):
    model = make(name, implementation)
    padding = paddings(padded)
    inputs = dict(input_ids=torch.randint(3, 64, (3, 20)), attention_mask=torch.tensor(padding.astype(int)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with torch.no_grad(), attnscope.watch(model, every=1) as watch:
            output = model(**inputs).logits
    assert watch.not_measured == {}
    report = watch.report()
    attentions = exact_attentions(model, **inputs)
    assert list(report) == list(range(len(attentions)))
    for layer, weights in enumerate(attentions):
        check(report[layer], weights, padding)
    with torch.no_grad():
        assert torch.equal(model(**inputs).logits, output), "the hook must leave the model as it is"


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_residual_ratios(name):
    model = make(name, "eager")
    padding = paddings("left")
    inputs = dict(input_ids=torch.randint(3, 64, (3, 20)), attention_mask=torch.tensor(padding.astype(int)))
    streams = []
    blocks = [m for n, m in model.named_modules() if n.split(".")[-1].isdigit() and n.count(".") in (1, 2, 3)]
    handles = [
        block.register_forward_hook(
            lambda _, args, kwargs, out: streams.append((args[0] if args else kwargs["hidden_states"],
                                                         out[0] if isinstance(out, tuple) else out)),
            with_kwargs=True)
        for block in blocks
    ]
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(**inputs)
    for handle in handles:
        handle.remove()
    for layer, (before, after) in enumerate(streams):
        before, after = before.double().numpy(), after.double().numpy()
        ratios = [numpy.linalg.norm((after - before)[b][padding[b]]) / numpy.linalg.norm(before[b][padding[b]]) for b in range(3)]
        assert watch.report()[layer].layer["residual_ratio"] == pytest.approx(numpy.mean(ratios), rel=1e-4)


WINDOWED = {"mistral_window": (0, 1), "gemma2": (0,), "gemma3": (0, 1), "gpt_oss": (0,)}


@pytest.mark.parametrize("name", ["llama", "gpt2", "mistral_window", "gemma2", "gemma3", "gpt_oss"])
@pytest.mark.parametrize("padded", ["none", "left"])
def test_generation(name, padded):
    """Prompt and decoded tokens are rows of one sequence, whose columns grow.

    The cache of a layer with a window drops keys, and each call's rows are a matrix of their own.
    """
    model = make(name, "eager")
    model.generation_config.eos_token_id = None
    padding = paddings(padded)
    inputs = dict(input_ids=torch.randint(3, 64, (3, 20)), attention_mask=torch.tensor(padding.astype(int)))
    generate = dict(max_new_tokens=5, do_sample=False, pad_token_id=0)
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        out = model.generate(**inputs, **generate)
    exact = copy.deepcopy(model).double()
    mask = torch.tensor(numpy.pad(padding, ((0, 0), (0, 4)), constant_values=True).astype(int))
    whole = dict(input_ids=out[:, :-1], attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0))
    attentions = exact_attentions(exact, **whole)
    for layer, weights in enumerate(attentions):
        without = OF_COLUMNS if layer in WINDOWED.get(name, ()) else ()
        check(watch.report()[layer], weights, whole["attention_mask"].bool().numpy(), without=without)


def test_generation_with_a_static_cache():
    """Allocated ahead: keys that are not there yet are hidden by the mask."""
    model = make("llama", "sdpa")
    model.generation_config.eos_token_id = None
    ids = torch.randint(3, 64, (2, 11))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        out = model.generate(ids, max_new_tokens=5, do_sample=False, pad_token_id=0, cache_implementation="static")
    for layer, weights in enumerate(exact_attentions(model, input_ids=out[:, :-1])):
        check(watch.report()[layer], weights, without=OF_COLUMNS)


def test_two_generations_are_apart():
    model = make("llama", "sdpa")
    model.generation_config.eos_token_id = None
    ids = torch.randint(3, 64, (1, 9))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        for _ in range(2):
            model.generate(ids, max_new_tokens=4, do_sample=False, pad_token_id=0)
    values = watch.report()[0].layer
    assert values["matrices"] == 2 * 4 and values["rows"] == 2 * 4 * 12 and values["keys"] == 12


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_bert(implementation):
    torch.manual_seed(1)
    config = transformers.BertConfig(**SMALL)
    model = sharpen(transformers.AutoModel.from_config(config, attn_implementation=implementation).eval())
    padding = paddings("right")
    inputs = dict(input_ids=torch.randint(3, 64, (3, 20)), attention_mask=torch.tensor(padding.astype(int)))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(**inputs)
    for layer, weights in enumerate(exact_attentions(model, **inputs)):
        check(watch.report()[layer], weights, padding)


def encoder_decoder(model, inputs, names, key_padding=None):
    exact = copy.deepcopy(model).double()
    exact.set_attn_implementation("eager")
    exact_inputs = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    with torch.no_grad():
        with exact_softmax():
            out = exact(**exact_inputs, output_attentions=True, use_cache=False)
        with attnscope.watch(model, every=1) as watch:
            model(**inputs)
    assert watch.not_measured == {}
    assert set(watch.reports()) == set(names)
    for stack, (which, queries, keys) in names.items():
        for layer, weights in enumerate(out[which]):
            check(watch.report(stack)[layer], weights.numpy(), queries, keys)
    with pytest.raises(LookupError, match="expected one of"):
        watch.report()


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_t5(implementation):
    torch.manual_seed(1)
    config = transformers.T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
                                   decoder_start_token_id=0)
    try:
        model = transformers.AutoModelForSeq2SeqLM.from_config(config, attn_implementation=implementation).eval()
    except ValueError:
        pytest.skip(f"T5 of Transformers {transformers.__version__} has no {implementation}")
    sharpen(model, 2.0)
    encoder = paddings("right")
    decoder = numpy.ones((3, 20), bool)
    decoder[0, 15:] = False
    inputs = dict(input_ids=torch.randint(3, 64, (3, 20)), attention_mask=torch.tensor(encoder.astype(int)),
                  decoder_input_ids=torch.randint(3, 64, (3, 20)), decoder_attention_mask=torch.tensor(decoder.astype(int)))
    encoder_decoder(model, inputs, {
        "encoder.block.*.layer.0.SelfAttention": ("encoder_attentions", encoder, encoder),
        "decoder.block.*.layer.0.SelfAttention": ("decoder_attentions", decoder, decoder),
        "decoder.block.*.layer.1.EncDecAttention": ("cross_attentions", decoder, encoder),
    })


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_whisper(implementation):
    torch.manual_seed(1)
    config = transformers.WhisperConfig(vocab_size=64, d_model=32, encoder_layers=2, decoder_layers=2,
                                        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
                                        decoder_ffn_dim=48, num_mel_bins=8, max_source_positions=30,
                                        max_target_positions=40, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                        decoder_start_token_id=1)
    model = sharpen(transformers.WhisperForConditionalGeneration._from_config(config, attn_implementation=implementation).eval())
    inputs = dict(input_features=torch.randn(2, 8, 60), decoder_input_ids=torch.randint(3, 64, (2, 12)))
    encoder_decoder(model, inputs, {
        "model.encoder.layers.*.self_attn": ("encoder_attentions", None, None),
        "model.decoder.layers.*.self_attn": ("decoder_attentions", None, None),
        "model.decoder.layers.*.encoder_attn": ("cross_attentions", numpy.ones((2, 12), bool), numpy.ones((2, 30), bool)),
    })


@pytest.mark.parametrize("name", ["t5", "whisper"])
def test_generation_of_encoder_decoders(name):
    """Keys of the cross attention stay; those of the decoder's own grow."""
    model, inputs = encoder_decoders()[name]
    model.generation_config.eos_token_id = model.config.eos_token_id = None
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        out = model.generate(**inputs, max_new_tokens=5, do_sample=False, pad_token_id=0)
        if name == "whisper":  # its generate gives what follows the start
            out = torch.cat([torch.ones_like(out[:, :1]), out], dim=1) if out[0, 0] != 1 else out
    exact = copy.deepcopy(model).double()
    exact.set_attn_implementation("eager")
    exact_inputs = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    with torch.no_grad(), exact_softmax():
        expected = exact(**exact_inputs, decoder_input_ids=out[:, :-1], output_attentions=True, use_cache=False)
    assert watch.not_measured == {}
    for stack, report in watch.reports().items():
        which = "cross" if "EncDec" in stack or "encoder_attn" in stack else "decoder" if "decoder" in stack else "encoder"
        for layer, weights in enumerate(getattr(expected, f"{which}_attentions")):
            check(report[layer], weights.numpy(), key_padding=numpy.ones((2, weights.shape[-1]), bool))
    assert len(watch.reports()) == 3


def encoder_decoders():
    torch.manual_seed(1)
    t5 = transformers.T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
                               decoder_start_token_id=0)
    whisper = transformers.WhisperConfig(vocab_size=64, d_model=32, encoder_layers=2, decoder_layers=2,
                                         encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
                                         decoder_ffn_dim=48, num_mel_bins=8, max_source_positions=30,
                                         max_target_positions=40, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                         decoder_start_token_id=1)
    return {
        "t5": (sharpen(transformers.AutoModelForSeq2SeqLM.from_config(t5).eval(), 2.0),
               dict(input_ids=torch.randint(3, 64, (2, 13)))),
        "whisper": (sharpen(transformers.WhisperForConditionalGeneration._from_config(whisper).eval()),
                    dict(input_features=torch.randn(2, 8, 60))),
    }


def test_what_cannot_be_expressed_is_refused_by_name():
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    transformers.AttentionInterface.register("one_of_my_own", sdpa_attention_forward)
    model = make("llama", "one_of_my_own")
    with torch.no_grad(), pytest.warns(UserWarning, match="one_of_my_own"), attnscope.watch(model, every=1) as watch:
        model(torch.randint(3, 64, (2, 9)))
    assert len(watch.not_measured) == 2
    with pytest.raises(RuntimeError, match="implementation is one_of_my_own, whose masks are not read"):
        watch.report()


def test_sinks_take_a_share():
    model = make("gpt_oss", "eager")
    ids = torch.randint(3, 64, (2, 20))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(ids)
    for layer, weights in enumerate(exact_attentions(model, input_ids=ids)):
        values = watch.report()[layer].layer
        assert values["null_mass"] == pytest.approx((1 - weights.sum(axis=-1)).mean(), rel=1e-4)
        assert values["null_mass"] > 0.05 and values["unnormalized_rows"] == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_types(dtype):
    model = make("llama", "sdpa").to(dtype)
    ids = torch.randint(3, 64, (2, 20))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(ids)
    check_one = exact_attentions(model, input_ids=ids)[0]
    stats = watch.report()[0]
    expected = oracle.metrics(check_one, check_one > 0)["entropy"].mean()
    assert stats.layer["entropy"] == pytest.approx(expected, rel=1e-4 if dtype is torch.float64 else 0.05)


def test_training_with_gradients_and_checkpoints():
    model = make("llama", "sdpa").train()
    model.gradient_checkpointing_enable()
    ids = torch.randint(3, 64, (2, 20))
    with attnscope.watch(model, every=2) as watch:
        for _ in range(4):
            model(ids, labels=ids, use_cache=False).loss.backward()
    values = watch.report(epoch=1, step=4, stage="train")[1].layer
    assert values["rows"] == 2 * 2 * 4 * 20, "every second step, and none a second time for its checkpoint"
    assert values["residual_ratio"] > 0
    assert model.model.layers[0].self_attn.q_proj.weight.grad is not None


def test_it_ends():
    model = make("llama", "sdpa")
    original = transformers.AttentionInterface.get_interface
    ids = torch.randint(3, 64, (1, 9))
    with attnscope.watch(model, every=1) as watch, torch.no_grad():
        model(ids)
        with pytest.raises(RuntimeError, match="on already"):
            watch.__enter__()
    assert transformers.AttentionInterface.get_interface is original
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    rows = watch.report()[0].layer["rows"]
    with torch.no_grad():
        model(ids)
    assert watch.report()[0].layer["rows"] == rows
    watch.reset()
    with pytest.raises(RuntimeError, match="no attention was measured"):
        watch.report()


def test_another_model_is_none_of_its_business():
    model, other = make("llama", "sdpa"), make("qwen2", "sdpa")
    with attnscope.watch(model, every=1) as watch, torch.no_grad():
        other(torch.randint(3, 64, (1, 9)))
    assert watch.reports() == {}


def test_two_watches_at_once():
    first, second = make("llama", "sdpa"), make("qwen2", "sdpa")
    with attnscope.watch(first, every=1) as one, attnscope.watch(second, every=1) as two, torch.no_grad():
        first(torch.randint(3, 64, (1, 9)))
        second(torch.randint(3, 64, (1, 5)))
    assert one.report()[0].layer["keys"] == 9 and two.report()[0].layer["keys"] == 5


def test_bad_arguments():
    with pytest.raises(TypeError, match="model is of type int"):
        attnscope.watch(3)
    with pytest.raises(ValueError, match="every is 0"):
        attnscope.watch(torch.nn.Linear(2, 2), every=0)
    meta = torch.nn.Linear(2, 2, device="meta")
    with pytest.raises(ValueError, match="model is on meta: pass copy=True"):
        attnscope.watch(meta)
    gc.collect()
