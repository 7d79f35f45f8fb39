# SPDX-License-Identifier: Apache-2.0
"""Functions beside the accumulator's calls, of whatever is given: a result, or an exception that says why. For those calls
themselves see test_inputs.py."""
import numpy
import pytest

import attnscope

TYPES = [numpy.float32, numpy.float16, numpy.float64, numpy.int8, ">f4", bool, complex, object]
SCALARS = [0, 1, 3, -1, 2**31, 2**63, 2**64, 0.5, numpy.nan, numpy.inf, None, True, "x", [], [1, 2], {}]


def some_array(rng):
    """Of any shape, type and strides; every fourth a view of float32 that may be read."""
    value = rng.random(rng.integers(0, 7, size=rng.integers(0, 6)))
    value = value.astype(TYPES[rng.integers(0, len(TYPES))] if rng.random() < 0.4 else numpy.float32)
    if value.ndim and rng.random() < 0.4:
        value = value.transpose(rng.permutation(value.ndim))
    if value.ndim:
        value = value[tuple(slice(None, None, int(rng.choice([1, 1, 1, 1, 2, -1]))) for _ in range(value.ndim))]
    if value.ndim and value.dtype.kind == "f" and rng.random() < 0.2 and value.size:
        value[(0,) * value.ndim] = rng.choice([numpy.nan, numpy.inf, -1.0])
    if rng.random() < 0.1:
        value.flags.writeable = False
    return value


def something(rng):
    return some_array(rng) if rng.random() < 0.6 else SCALARS[rng.integers(0, len(SCALARS))]


def some_keywords(rng, names):
    return {name: something(rng) for name in names if rng.random() < 0.15}


def calls(rng):
    """A call of each function, by name."""
    kernels, maps = attnscope.kernels, attnscope.attention_maps
    scores = attnscope.KeyScores(heads=2, groups=int(rng.integers(1, 3)), max_keys=8)
    one = numpy.full((1, 2, 3, 6), 1 / 6, numpy.float32)
    report = attnscope.Report()
    yield "row_entropy", lambda: kernels.row_entropy(something(rng), **some_keywords(rng, ["copy"]))
    yield "row_exp_entropy", lambda: kernels.row_exp_entropy(something(rng))
    yield "row_max", lambda: kernels.row_max(something(rng))
    yield "top_k", lambda: kernels.top_k(some_array(rng), rng.choice([0, 1, 2, 5, 1024, 1025]))
    yield "top_k", lambda: kernels.top_k(something(rng), something(rng))
    yield "top_k_mass", lambda: kernels.top_k_mass(some_array(rng), something(rng))
    yield "column_sums", lambda: kernels.column_sums(something(rng))
    yield "column_max", lambda: kernels.column_max(something(rng))
    yield "softmax_entropy", lambda: kernels.softmax_entropy(something(rng), **some_keywords(rng, ["scale", "copy"]))
    yield "squared_norm", lambda: kernels.squared_norm(something(rng))
    yield "squared_distance", lambda: kernels.squared_distance(something(rng), something(rng))
    both = some_array(rng)
    yield "squared_distance", lambda: kernels.squared_distance(both, both)
    names = ["causal", "key_lengths", "window", "mask", "outputs", "threads", "first_head"]
    yield "measure_rows", lambda: attnscope.measure_rows(some_array(rng), **some_keywords(rng, names))
    yield "measure_rows", lambda: attnscope.measure_rows(logits=some_array(rng), **some_keywords(rng, [*names, "bias"]))
    yield "measure_rows", lambda: attnscope.measure_rows(queries=some_array(rng), keys=some_array(rng))
    yield "attention_maps", lambda: maps(some_array(rng), **some_keywords(rng, ["cells", "layer", "causal"]))
    yield "key_profile", lambda: attnscope.key_profile(something(rng), something(rng))
    yield "scores", lambda: (scores.add_weights(one), scores.add_weights(something(rng)))
    yield "keep", lambda: (scores.add_weights(one), scores.keep(something(rng), **some_keywords(rng, ["group", "sequence"])))
    yield "remove", lambda: (scores.add_weights(one), scores.remove(rng.integers(-1, 9, size=rng.integers(0, 4))))
    yield "clear", lambda: (scores.add_weights(one), scores.clear(something(rng)))
    yield "shift", lambda: (scores.add_weights(one), scores.shift(*rng.integers(-2, 9, size=3).tolist()))
    yield "top_keys", lambda: scores.top_keys(*some_keywords(rng, ["heavy"]).values(), **some_keywords(rng, ["first", "recent"]))
    yield "html", lambda: report.html(**some_keywords(rng, ["before", "keys", "maps", "thresholds", "baseline"]))
    yield "from_state", lambda: attnscope.LayerAccumulator.from_state(rng.bytes(rng.integers(0, 64)))
    yield "from_json", lambda: attnscope.Report.from_json(rng.bytes(8).decode("latin-1"))


@pytest.mark.filterwarnings("ignore")
def test_functions(rng):
    taken = dict.fromkeys((name for name, _ in calls(rng)), 0)
    for _ in range(400):
        for name, call in calls(rng):
            try:
                call()
                taken[name] += 1
            except (ValueError, TypeError) as error:
                assert str(error), name
    assert all(count > 0 for name, count in taken.items() if name not in ("from_state", "from_json")), taken
