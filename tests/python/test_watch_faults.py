# SPDX-License-Identifier: Apache-2.0
"""A watch beside what else happens to models: other watches, copies, threads, errors, compilers, evaluations."""
import copy
import io
import pickle
import sys
import threading

import numpy
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.0")

import attnscope  # noqa: E402


def tiny_model(implementation="sdpa"):
    torch.manual_seed(3)
    config = transformers.LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                      num_attention_heads=4, num_key_value_heads=2, pad_token_id=0)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=implementation).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name:
                parameter.mul_(4.0)
    return model


def tokens(batch=2, length=20, seed=0):
    return torch.randint(3, 64, (batch, length), generator=torch.Generator().manual_seed(seed))


def values_of(model, *calls, **options):
    """What a watch of its own measures of these calls."""
    with torch.no_grad(), attnscope.watch(model, every=1, **options) as watch:
        for call in calls:
            model(**call) if isinstance(call, dict) else model(call)
    return {layer: stats.layer for layer, stats in watch.report().items()}


def assert_same(report, expected, relative=1e-12):
    assert list(report) == list(expected)
    for layer, values in expected.items():
        assert report[layer].layer == pytest.approx(values, rel=relative, nan_ok=True)


def test_watches_may_end_in_any_order():
    original = transformers.AttentionInterface.get_interface
    model, other = tiny_model(), tiny_model()
    first, second = attnscope.watch(model, every=1), attnscope.watch(other, every=1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with torch.no_grad():
        model(tokens())
        other(tokens())
    second.__exit__(None, None, None)
    assert transformers.AttentionInterface.get_interface is original
    assert first.reports() == {}
    assert_same(second.report(), values_of(other, tokens()))
    second.__exit__(None, None, None)  # which is off already
    assert transformers.AttentionInterface.get_interface is original


def test_a_wrapper_of_somebody_else_stays():
    original = transformers.AttentionInterface.get_interface
    calls = []
    model = tiny_model()
    expected = values_of(model, tokens())
    try:
        with attnscope.watch(model, every=1):
            ours = transformers.AttentionInterface.get_interface

            def theirs(self, *arguments):
                calls.append(arguments[0])
                return ours(self, *arguments)

            transformers.AttentionInterface.get_interface = theirs
        assert transformers.AttentionInterface.get_interface is theirs
        with torch.no_grad(), attnscope.watch(model, every=1) as watch:
            model(tokens())
        assert transformers.AttentionInterface.get_interface is theirs and calls
        assert_same(watch.report(), expected)
    finally:
        transformers.AttentionInterface.get_interface = original


def test_an_error_of_the_model_ends_the_watch_alone():
    original = transformers.AttentionInterface.get_interface
    model = tiny_model()
    broken = model.model.layers[1].mlp.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(tokens())
    assert transformers.AttentionInterface.get_interface is original
    broken.remove()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert watch.report()[1].layer["rows"] == 2 * 4 * 20
    with torch.no_grad(), watch:  # and may go on
        watch.reset()
        model(tokens())
    assert_same(watch.report(), values_of(model, tokens()))


@pytest.mark.parametrize("error", [MemoryError("no memory"), RuntimeError("of a kernel"), TypeError("of a type")])
def test_an_error_of_measuring_is_none_of_the_model(monkeypatch, error):
    model = tiny_model()
    with torch.no_grad():
        expected = model(tokens()).logits

    def fail(*_):
        raise error

    monkeypatch.setattr("attnscope._watch.keywords_of", fail)
    with torch.no_grad(), pytest.warns(UserWarning, match=str(error)), attnscope.watch(model, every=1) as watch:
        assert torch.equal(model(tokens()).logits, expected)
    assert watch.not_measured["model.layers.0.self_attn"] == f"{type(error).__name__}: {error}"


def t5_model():
    torch.manual_seed(3)
    config = transformers.T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
                                   decoder_start_token_id=0)
    return transformers.AutoModelForSeq2SeqLM.from_config(config).eval()


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_copies_and_pickles_of_a_watched_model_are_their_own(name):
    """Such as the moving average of a model, which is evaluated while the model trains."""
    model = tiny_model() if name == "llama" else t5_model()
    padded = dict(input_ids=tokens(), attention_mask=torch.ones(2, 20, dtype=torch.long))
    padded["attention_mask"][1, :7] = 0
    if name == "t5":
        padded["decoder_input_ids"] = tokens(length=9)

    def with_copies(model):
        yield copy.deepcopy(model)
        yield pickle.loads(pickle.dumps(model))
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        yield torch.load(file, weights_only=False)

    with torch.no_grad(), attnscope.watch(model, every=1) as alone:
        model(**padded)
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(**padded)
        for one in with_copies(model):
            one(**{**padded, "attention_mask": torch.ones(2, 20, dtype=torch.long)})
            one(**padded)
    assert watch.not_measured == {}
    reports = watch.reports()
    assert list(reports) == list(alone.reports())
    for stack, expected in alone.reports().items():
        assert_same(reports[stack], {layer: stats.layer for layer, stats in expected.items()})


def test_threads_that_share_a_model():
    """Each thread has sequences and padding of its own; what is a mean over rows or sequences is that of both."""
    model = tiny_model()
    masks = torch.ones(2, 3, 20, dtype=torch.long)
    masks[1, :, :8] = 0
    calls = [dict(input_ids=tokens(3, seed=seed), attention_mask=masks[seed]) for seed in range(2)]
    expected = values_of(model, *calls * 20)
    barrier = threading.Barrier(2, timeout=60)
    errors = []

    def run(call):
        try:
            with torch.no_grad():
                for _ in range(20):
                    barrier.wait()
                    model(**call)
        except Exception as error:
            errors.append(error)

    with attnscope.watch(model, every=1) as watch:
        threads = [threading.Thread(target=run, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors and watch.not_measured == {}
    assert_same(watch.report(), expected, 1e-9)


def test_threads_that_generate():
    """Decoded tokens of one thread are no rows of the other's sequence."""
    model = tiny_model()
    model.generation_config.eos_token_id = None

    def generate(length):
        with torch.no_grad():
            model.generate(tokens(1, length), max_new_tokens=6, do_sample=False, pad_token_id=0)

    with attnscope.watch(model, every=1) as watch:
        threads = [threading.Thread(target=generate, args=(length,)) for length in (7, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    values = watch.report()[0].layer
    assert values["rows"] == 4 * (7 + 5 + 9 + 5)
    assert values["first_token_mass"] <= 1 and values["empty_rows"] == 0


def test_evaluations_do_not_count_as_training():
    model = tiny_model().train()
    with attnscope.watch(model, every=1, only_training=True) as watch:
        model(tokens(), labels=tokens()).loss.backward()
        model.eval()
        with torch.no_grad():
            model(tokens(7))
        model.train()
        model(tokens(), labels=tokens()).loss.backward()
    assert watch.report()[0].layer["rows"] == 2 * 2 * 4 * 20
    assert watch.report()[0].layer["matrices"] == 2 * 2 * 4


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("options", [dict(), dict(sliding_window=6)], ids=["llama", "mistral_window"])
def test_flex_attention(monkeypatch, padded, options):
    """Its masks are functions of indices."""
    flex = pytest.importorskip("torch.nn.attention.flex_attention")
    from transformers.integrations import flex_attention as integration

    def of_a_dense_mask(query, key, value, block_mask, scale, **_):
        """What it computes, without the compiler that it needs."""
        seen = flex.create_mask(block_mask.mask_mod, *block_mask.shape, device="cpu")
        output = torch.nn.functional.scaled_dot_product_attention(query, key, value, seen, scale=scale, enable_gqa=True)
        return output  # alone, as on the CPU

    monkeypatch.setattr(integration, "compile_friendly_flex_attention", of_a_dense_mask)
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)  # of the masks
    torch.manual_seed(3)
    kind = transformers.MistralConfig if options else transformers.LlamaConfig
    config = kind(vocab_size=64, hidden_size=64, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                  num_key_value_heads=2, pad_token_id=0, **options)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    inputs = dict(input_ids=tokens(3), attention_mask=torch.ones(3, 20, dtype=torch.long))
    if padded:
        inputs["attention_mask"][1, :6] = 0
    expected = values_of(model, inputs)
    model.set_attn_implementation("flex_attention")
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(**inputs)
    assert watch.not_measured == {}
    assert_same(watch.report(), expected, 1e-4)


@pytest.mark.parametrize("when", ["before", "within"])
def test_compiled_models(when, monkeypatch):
    """What is measured of a compiled model is what is measured of it as it was."""
    if not hasattr(torch.compiler, "is_exporting"):  # which Transformers calls, and PyTorch 2.6 does not have
        monkeypatch.setattr(torch.compiler, "is_exporting", lambda: False, raising=False)
    model = tiny_model()
    inputs = dict(input_ids=tokens(3), attention_mask=torch.ones(3, 20, dtype=torch.long))
    inputs["attention_mask"][1, :6] = 0
    expected = values_of(model, inputs, inputs)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager")
    if when == "before":
        with torch.no_grad():
            compiled(**inputs)
    with torch.no_grad(), attnscope.watch(compiled, every=1) as watch:
        for _ in range(2):
            compiled(**inputs)
    assert watch.not_measured == {}
    assert_same(watch.report(), expected, 1e-6)


def test_reports_while_another_thread_runs_the_model():
    torch.manual_seed(3)
    config = transformers.LlamaConfig(vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=24,
                                      num_attention_heads=2, pad_token_id=0)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    errors, is_done = [], threading.Event()

    def look():
        try:
            while not is_done.is_set():
                watch.reports()
        except Exception as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with torch.no_grad(), attnscope.watch(model, every=1) as watch:
            thread = threading.Thread(target=look)
            thread.start()
            for seed in range(40):
                watch.reset()
                model(tokens(1, 5, seed))
            is_done.set()
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []


def test_a_layer_of_which_nothing_was_measured_is_in_no_report():
    model = tiny_model()
    with torch.no_grad(), pytest.warns(UserWarning, match="meta"), attnscope.watch(model, every=1, copy=True) as watch:
        model.to("meta")(tokens().to("meta"))
    assert watch.reports() == {}
    with pytest.raises(RuntimeError, match="no attention was measured: model.layers.0.self_attn: .*meta"):
        watch.report()


def test_what_is_exchanged_before_the_watch_begins_is_watched():
    model = tiny_model()
    watch = attnscope.watch(model, every=1)
    model.model.layers[0].self_attn = tiny_model().model.layers[0].self_attn
    with torch.no_grad(), watch:
        model(tokens())
    assert list(watch.report()) == [0, 1]


def test_evaluation_alone_is_told_apart():
    with torch.no_grad(), attnscope.watch(tiny_model(), every=1, only_training=True) as watch:
        watch._model(tokens())
    with pytest.raises(RuntimeError, match="has not run in training mode"):
        watch.report()


def test_options_are_named():
    model = torch.nn.Linear(2, 2)
    attnscope.watch(model, every=numpy.int64(2), threads=numpy.int64(1))
    for options, kind, message in (
        (dict(every=2.0), TypeError, "every is 2.0, expected a whole number >= 1"),
        (dict(every=-1), ValueError, "every is -1, expected a whole number >= 1"),
        (dict(threads=None), TypeError, "threads is None, expected a whole number >= 0"),
        (dict(copy="yes"), TypeError, "copy is 'yes', expected True or False"),
        (dict(residuals=1), TypeError, "residuals is 1, expected True or False"),
        (dict(only_training=None), TypeError, "only_training is None, expected True or False"),
    ):
        with pytest.raises(kind, match=message):
            attnscope.watch(model, **options)


def test_a_block_that_ends_in_another_type():
    model = tiny_model()
    expected = values_of(model, tokens())[1]["residual_ratio"]
    handle = model.model.layers[1].register_forward_hook(lambda _, args, output: output.double())
    try:
        with torch.no_grad(), attnscope.watch(model.model.layers, every=1) as watch, pytest.raises(RuntimeError):
            model(tokens())  # whose last norm has weights of float32
    except BaseException:
        handle.remove()
        raise
    handle.remove()
    assert watch.not_measured == {}
    assert watch.report()[1].layer["residual_ratio"] == pytest.approx(expected, rel=1e-5)
