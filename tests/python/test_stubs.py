# SPDX-License-Identifier: Apache-2.0
"""The type stubs name what the module has, and the keywords that its calls take."""
import ast
import pathlib

import numpy
import pytest

import attnscope
from attnscope import _core

STUBS = ast.parse(pathlib.Path(_core.__file__).with_name("_core.pyi").read_text())
FOR_TYPES_ALONE = {"AddActivations", "AddRows", "AddWeights", "AddLogits"}
DUNDERS = {"__init__", "__getstate__", "__setstate__"}


def public(names):
    return {name for name in names if not name.startswith("_") or name in DUNDERS}


def classes():
    return {node.name: node for node in STUBS.body if isinstance(node, ast.ClassDef)}


def members(node):
    assigned = {one.target.id for one in node.body if isinstance(one, ast.AnnAssign)}
    return public({one.name for one in node.body if isinstance(one, ast.FunctionDef)} | assigned)


def test_names_of_the_module():
    stubs = {node.name for node in STUBS.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    assert stubs - FOR_TYPES_ALONE == public(vars(_core))


@pytest.mark.parametrize("name", sorted(set(classes()) - FOR_TYPES_ALONE))
def test_members_of_classes(name):
    found = public(vars(getattr(_core, name)))
    assert members(classes()[name]) - {"__init__"} == found - {"__init__"}


def test_keywords():
    layer = _core.LayerAccumulator()
    rows = members(classes()["AddActivations"]) | members(classes()["AddRows"])
    for call, own in ((layer.add_weights, "AddWeights"), (layer.add_logits, "AddLogits")):
        with pytest.raises(TypeError) as error:
            call(None, no_such=1)
        assert set(str(error.value).split("it has ")[1].split(", ")) == rows | members(classes()[own])


def test_whatever_is_public_is_documented():
    for name in attnscope.__all__:
        if name in ("__version__", "torch", "loggers", "watch"):
            continue
        value = getattr(attnscope, name)
        assert value.__doc__, name
        for member in public(vars(value)) - DUNDERS if isinstance(value, type) else ():
            if callable(getattr(value, member)) and member not in ("keys", "values", "items", "get"):
                assert getattr(value, member).__doc__, f"{name}.{member}"


def test_every_argument_of_the_stubs_is_one_of_the_module():
    layer = attnscope.LayerAccumulator(
        heads=2, max_keys=4, max_batch=1, mean_matrix=False, tolerance_float32=1e-3, tolerance_half=2e-2, saturation_bound=0.9
    )
    layer.add_weights(
        numpy.full((2, 4, 4), 0.25, numpy.float32), causal=False, causal_offset=None, key_lengths=[4], first_sequence=0,
        first_head=0, threads=1, copy=False,
    )
