# SPDX-License-Identifier: Apache-2.0
"""Which rows and keys of a call are tokens, and which calls are of one sequence."""
import warnings

import numpy
import pytest
from test_watch import SMALL, check, exact_attentions, make, paddings, sharpen

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.0")

import attnscope  # noqa: E402


def tokens(batch, length, seed=0):
    return torch.randint(3, 64, (batch, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ["Wav2Vec2", "Hubert"])
def test_frames_of_sound_are_not_the_samples(name, implementation):
    """The mask is given for samples; rows and keys are frames, of which there are fewer."""
    torch.manual_seed(1)
    config = getattr(transformers, f"{name}Config")(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, conv_dim=(16, 16),
        conv_stride=(5, 4), conv_kernel=(10, 8), num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2,
        feat_extract_norm="layer", do_stable_layer_norm=True, layerdrop=0.0)
    model = sharpen(getattr(transformers, f"{name}Model")._from_config(config, attn_implementation=implementation).eval(), 3)
    mask = torch.ones(2, 800, dtype=torch.long)
    mask[1, 400:] = 0
    inputs = dict(input_values=torch.randn(2, 800), attention_mask=mask)
    streams = []
    handle = model.encoder.layers[1].register_forward_hook(lambda _, args, out: streams.append((args[0], out)))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(**inputs)
    handle.remove()
    frames = model._get_feat_extract_output_lengths(mask.sum(-1)).tolist()
    real = numpy.arange(max(frames)) < numpy.array(frames)[:, None]
    model.set_attn_implementation("eager")
    with torch.no_grad():
        attentions = model(**inputs, output_attentions=True).attentions
    report = watch.report()
    for layer, weights in enumerate(attentions):
        check(report[layer], weights.double().numpy(), real)
    before, after = (one[0] if isinstance(one, tuple) else one for one in streams[0])
    ratios = [((after - before)[b][real[b]].norm() / before[b][real[b]].norm()).item() for b in range(2)]
    assert report[1].layer["residual_ratio"] == pytest.approx(numpy.mean(ratios), rel=1e-4)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ["llama", "mistral_window"])
def test_padding_of_a_cache_that_is_allocated_ahead(name, implementation):
    """Generation makes its padding a mask of queries and keys before the model sees it."""
    model = make(name, implementation)
    model.generation_config.eos_token_id = None
    padding = numpy.ones((2, 11), bool)
    padding[1, :4] = False
    inputs = dict(input_ids=tokens(2, 11), attention_mask=torch.tensor(padding.astype(int)))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        out = model.generate(**inputs, max_new_tokens=5, do_sample=False, pad_token_id=0, cache_implementation="static")
    assert watch.not_measured == {}
    mask = torch.tensor(numpy.pad(padding, ((0, 0), (0, 4)), constant_values=True).astype(int))
    whole = dict(input_ids=out[:, :-1], attention_mask=mask, position_ids=(mask.cumsum(1) - 1).clamp(min=0))
    of_columns = ("col_entropy", "max_col_sum", "sink_mass", "first_token_mass")
    for layer, weights in enumerate(exact_attentions(model, **whole)):
        stats = watch.report()[layer]
        check(stats, weights, mask.bool().numpy(), without=of_columns)
        if name == "llama":  # each call is a matrix, whose key 0 is the first token
            first = [[weights[b, :, r, f].mean(-1) for r in rows] for b, f in ((0, 0), (1, 4))
                     for rows in ([slice(f, 11)], *([slice(i, i + 1)] for i in range(11, 15)))]
            assert stats.heads["first_token_mass"] == pytest.approx(numpy.mean(first, axis=(0, 1)), rel=2e-4)


def test_padding_of_an_encoder_is_not_that_of_a_decoder_with_such_a_cache():
    torch.manual_seed(1)
    config = transformers.BartConfig(vocab_size=64, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                                     decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48,
                                     max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                     decoder_start_token_id=1)
    model = sharpen(transformers.BartForConditionalGeneration._from_config(config, attn_implementation="sdpa").eval(), 3)
    model.generation_config.eos_token_id = model.generation_config.forced_eos_token_id = None
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[1, 5:] = 0
    rows = {}
    for cache in (None, "static"):
        with torch.no_grad(), attnscope.watch(model, every=1) as watch:
            model.generate(tokens(2, 9), attention_mask=mask, max_new_tokens=5, do_sample=False, cache_implementation=cache)
        rows[cache] = {stack: report[1].layer["rows"] for stack, report in watch.reports().items()}
    assert rows["static"] == rows[None]
    assert sorted(rows[None].values()) == [4 * 2 * 5, 4 * 2 * 5, 4 * (9 + 5)]


@pytest.mark.parametrize("raises", [False, True])
def test_padding_is_of_one_call_alone(raises):
    """A mask of queries and keys, given to a part of the model later, says nothing of the padding of a call before."""
    model = make("llama", "sdpa")
    padding = torch.tensor(paddings("left").astype(int))
    causal = torch.ones(3, 1, 20, 20, dtype=torch.bool).tril()
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        if raises:
            broken = model.model.layers[1].mlp.register_forward_hook(lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                model(tokens(3, 20), attention_mask=padding)
            broken.remove()
        else:
            model(tokens(3, 20), attention_mask=padding)
        watch.reset()
        model.model(tokens(3, 20), attention_mask=causal)
    assert watch.report()[0].layer["rows"] == 3 * 4 * 20


def test_models_in_a_list_have_padding_layers_and_residuals_of_their_own():
    class Several(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.models = torch.nn.ModuleList(transformers.BertModel(transformers.BertConfig(**SMALL)) for _ in range(2))

        def forward(self, **inputs):
            return [model(**inputs) for model in self.models]

    padding = paddings("right")
    with torch.no_grad(), attnscope.watch(Several().eval(), every=1) as watch:
        watch._model(input_ids=tokens(3, 20), attention_mask=torch.tensor(padding.astype(int)))
    assert list(watch.reports()) == [f"models.{i}.encoder.layer.*.attention.self" for i in range(2)]
    for report in watch.reports().values():
        assert list(report) == [0, 1]
        for stats in report.values():
            assert stats.layer["rows"] == 4 * padding.sum() and stats.layer["residual_ratio"] > 0


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_first_token_of_keys_that_begin_with_padding(implementation):
    """Of a cross attention, whose keys are those of an encoder."""
    torch.manual_seed(1)
    config = transformers.BartConfig(vocab_size=64, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4,
                                     decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48,
                                     max_position_embeddings=64, pad_token_id=0)
    model = sharpen(transformers.BartModel._from_config(config, attn_implementation=implementation).eval(), 3)
    padding = paddings("left")
    inputs = dict(input_ids=tokens(3, 20), attention_mask=torch.tensor(padding.astype(int)), decoder_input_ids=tokens(3, 9))
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        model(**inputs)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        attentions = model(**inputs, output_attentions=True).cross_attentions
    for layer, weights in enumerate(attentions):
        check(watch.report("decoder.layers.*.encoder_attn")[layer], weights.double().numpy(), numpy.ones((3, 9), bool), padding)


def test_calls_in_turns_are_not_of_one_sequence():
    """Two requests whose lengths follow one another."""
    model = make("llama", "eager")
    matrices = []
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        caches = [model(tokens(1, 8 + i, seed=i), use_cache=True).past_key_values for i in range(2)]
        for i in range(2):
            model(tokens(1, 2, seed=5 + i), past_key_values=caches[i])
        matrices.append(watch.report()[0].layer["matrices"])
    assert matrices == [4 * 4]
    assert watch.report()[0].layer["max_col_sum"] <= 9 and watch.report()[0].layer["first_token_mass"] <= 1


def test_a_cache_that_was_cut_begins_another_sequence():
    model = make("llama", "eager")
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        cache = model(tokens(1, 12), use_cache=True).past_key_values
        try:
            cache.crop(-5)
        except Exception:
            pytest.skip("another crop")
        model(tokens(1, 9, seed=1), past_key_values=cache)
    assert watch.report()[0].layer["matrices"] == 2 * 4


def test_beams_that_change_places():
    """Column sums of a beam are not added to those of another one; the rows are right all the same."""
    model = make("llama", "eager")
    model.generation_config.eos_token_id = None
    calls, given = [], []
    attention, embedding = model.model.layers[1].self_attn, model.get_input_embeddings()
    handles = [attention.register_forward_hook(lambda _, args, output: calls.append(output[1].double().numpy())),
               embedding.register_forward_hook(lambda _, args, output: given.append(args[0].tolist()))]
    orders = []
    reorder = transformers.DynamicCache.reorder_cache

    def note(self, index):
        orders.append(index.tolist())
        return reorder(self, index)

    transformers.DynamicCache.reorder_cache = note
    try:
        with torch.no_grad(), attnscope.watch(model, every=1) as watch:
            model.generate(tokens(2, 7), num_beams=3, max_new_tokens=8, do_sample=False, pad_token_id=0)
    finally:
        transformers.DynamicCache.reorder_cache = reorder
        for handle in handles:
            handle.remove()
    open_sums, largest, texts = calls[0].sum(axis=2), [], given[0]
    for weights, order, added in zip(calls[1:], orders, given[1:]):
        for sequence in range(6):
            if texts[order[sequence]] != texts[sequence]:  # another beam, which is none with the same text
                largest.append(open_sums[sequence].max(axis=-1))
                open_sums[sequence] = 0.0
        texts = [texts[order[sequence]] + added[sequence] for sequence in range(6)]
        open_sums = numpy.pad(open_sums, ((0, 0), (0, 0), (0, 1))) + weights.sum(axis=2)
    largest += list(open_sums.max(axis=-1))
    assert len(largest) > 6, "the beams are to change"
    stats = watch.report()[1]
    assert stats.layer["matrices"] == 4 * len(largest)
    assert stats.heads["max_col_sum"] == pytest.approx(numpy.mean(largest, axis=0), rel=2e-4)
    rows = numpy.concatenate([w.swapaxes(1, 2).reshape(-1, 4, w.shape[-1]).max(-1) for w in calls])
    assert stats.heads["max_row_weight"] == pytest.approx(rows.mean(axis=0), rel=2e-4)


def test_padding_of_a_hole_and_of_a_whole_sequence():
    padding = numpy.ones((3, 20), bool)
    padding[0, 5:8] = padding[1] = padding[2, :3] = padding[2, 17:] = False
    model = make("llama", "sdpa")
    inputs = dict(input_ids=tokens(3, 20), attention_mask=torch.tensor(padding.astype(int)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with torch.no_grad(), attnscope.watch(model, every=1) as watch:
            model(**inputs)
    for layer, weights in enumerate(exact_attentions(model, **inputs)):
        kept = weights[[0, 2]]
        check(watch.report()[layer], kept, padding[[0, 2]])


def test_queries_that_serve_all_sequences():
    """Learned ones, of which there is one set for a batch."""
    from transformers.models.bert.modeling_bert import eager_attention_forward

    class Config(transformers.PretrainedConfig):
        model_type = "learned_queries"

    class Attention(torch.nn.Module):
        is_causal = False

        def __init__(self, config):
            super().__init__()
            self.config = config
            self.queries = torch.nn.Parameter(3 * torch.randn(1, 4, 5, 8))
            self.project = torch.nn.Linear(32, 32)

        def forward(self, states):
            keys = self.project(states).view(states.shape[0], -1, 4, 8).transpose(1, 2)
            attend = transformers.AttentionInterface().get_interface(self.config._attn_implementation, eager_attention_forward)
            return attend(self, self.queries, keys, keys, None, scaling=8**-0.5, dropout=0.0)

    class Model(transformers.PreTrainedModel):
        config_class = Config

        def __init__(self, config):
            super().__init__(config)
            self.layers = torch.nn.ModuleList([Attention(config)])
            self.post_init()

        def forward(self, states):
            return self.layers[0](states)

    torch.manual_seed(2)
    model = Model._from_config(Config(), attn_implementation="eager").eval()
    with torch.no_grad(), attnscope.watch(model, every=1) as watch:
        weights = model(torch.randn(3, 9, 32))[1].double().numpy()
    assert watch.not_measured == {}
    check(watch.report()[0], weights, numpy.ones((3, 5), bool), numpy.ones((3, 9), bool))


def test_what_an_attention_takes_and_the_hook_does_not_read():
    """Such as a temperature, or sinks of each query (Inkling 2): it is told, and nothing is measured."""
    import transformers.models.llama.modeling_llama as llama

    original = llama.eager_attention_forward

    def with_temperature(module, query, key, value, attention_mask, scaling, dropout=0.0, temperature=None, **keywords):
        return original(module, query, key, value, attention_mask, scaling * (temperature or 1.0), dropout, **keywords)

    llama.eager_attention_forward = with_temperature
    try:
        model = make("llama", "eager")
        with torch.no_grad(), attnscope.watch(model, every=1) as watch:
            model(tokens(2, 9))
        assert watch.report()[0].layer["rows"] == 2 * 4 * 9
        with torch.no_grad(), pytest.warns(UserWarning, match="temperature"), attnscope.watch(model, every=1) as watch:
            model(tokens(2, 9), temperature=0.5)
        assert watch.not_measured["model.layers.1.self_attn"] == "its attention takes 'temperature', which is not read"
        with pytest.raises(RuntimeError, match="no attention was measured: model.layers.0.self_attn: its attention takes"):
            watch.report()
    finally:
        llama.eager_attention_forward = original


@pytest.mark.parametrize("is_cross", [False, True])
def test_keys_are_compared_where_they_are(is_cross):
    """As on a GPU, whose values nobody waits for; a device without values stands for it."""
    from attnscope._watched_layer import WatchedLayer

    layer = WatchedLayer("layers.*", 0)
    layer.room_for(4, 8, 2)
    keys = torch.zeros(2, 4, 8, 16, device="meta")
    query = torch.zeros(2, 4, 1, 16, device="meta")
    layer.follow(torch.zeros(2, 4, 5, 16, device="meta"), keys[:, :, :5] if not is_cross else keys, is_cross)
    layer.end_sequences()
    for end in (6, 7, 8):
        layer.follow(query, keys if is_cross else keys[:, :, :end], is_cross)
