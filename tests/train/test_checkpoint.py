"""Checkpoints: any state comes back bit for bit, damage is noticed, nothing can run code."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from graven.errors import DataError, InputError
from graven.train.checkpoint import (
    load_checkpoint,
    load_newest,
    load_tensors,
    save_checkpoint,
    save_tensors,
    tensor_hash,
)

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(tree=st.dictionaries(st.sampled_from("abc"), trees))
def test_plain_values_come_back_with_their_kinds(
    tree: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = save_checkpoint(tmp_path_factory.mktemp("c"), tree, step=1)
    found = load_checkpoint(path)
    assert found == tree
    assert repr(found) == repr(tree)


def test_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    shared = torch.rand(3, 4, generator=generator)
    state = {
        "float": shared,
        "view": shared[1:, ::2],
        "nan": torch.tensor([float("nan"), -0.0, float("inf")]),
        "whole": torch.tensor(7),
        "bytes": torch.get_rng_state(),
        "half": shared.half(),
        "brain": shared.bfloat16(),
        "empty": torch.zeros(0, 3),
        "optimiser": {"state": {0: {"step": torch.tensor(3.0)}, 1: {}}, "param_groups": [{"betas": (0.9, 0.999)}]},
    }
    found = load_checkpoint(save_checkpoint(tmp_path, state, step=1))
    assert found["optimiser"]["param_groups"] == [{"betas": (0.9, 0.999)}]
    assert list(found["optimiser"]["state"]) == [0, 1]
    for name in ("float", "view", "nan", "whole", "bytes", "half", "brain", "empty"):
        before, after = state[name], found[name]
        assert isinstance(before, torch.Tensor)
        assert (after.dtype, after.shape) == (before.dtype, before.shape)
        assert tensor_hash({"x": after}) == tensor_hash({"x": before})


def test_another_library_reads_the_weights(tmp_path: Path) -> None:
    weights = {"a": torch.arange(6.0).reshape(2, 3)}
    save_tensors(tmp_path / "w.safetensors", weights, facts={"step": 3})
    assert np.array_equal(load_file(tmp_path / "w.safetensors")["a"], weights["a"].numpy())


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20)
def test_any_flipped_bit_is_noticed(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("c") / "w.safetensors"
    save_tensors(path, {"a": torch.arange(50.0), "b": torch.ones(3)}, facts={})
    content = bytearray(path.read_bytes())
    start = 8 + struct.unpack("<Q", content[:8])[0]
    place = start + seed % (len(content) - start)
    content[place] ^= 1 << (seed % 8)
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        load_tensors(path)


@pytest.mark.parametrize("size", [0, 5, 200])
def test_a_truncated_file_is_refused(tmp_path: Path, size: int) -> None:
    path = save_checkpoint(tmp_path, {"a": torch.arange(50.0)}, step=1)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match="is damaged"):
        load_checkpoint(path)


def test_the_newest_two_are_kept_and_the_newest_sound_one_is_read(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        save_checkpoint(tmp_path, {"step": step}, step=step)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "step_00000010.safetensors",
        "step_00000015.safetensors",
    ]
    said: list[str] = []
    assert load_newest(tmp_path, say=said.append) == {"step": 15}
    assert said == []
    (tmp_path / "step_00000015.safetensors").write_bytes(b"")
    assert load_newest(tmp_path, say=said.append) == {"step": 10}
    assert len(said) == 1
    assert said[0].endswith("trying the checkpoint before it")
    (tmp_path / "step_00000010.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="none of the 2 checkpoints"):
        load_newest(tmp_path, say=said.append)


def test_without_a_checkpoint_nothing_is_started_anew(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no checkpoint to resume from"):
        load_newest(tmp_path / "nothing", say=print)


def test_what_cannot_be_stored_is_refused_before_writing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"state\.a is a set"):
        save_checkpoint(tmp_path, {"a": {1}}, step=1)
    with pytest.raises(InputError, match="keys that are neither text nor whole numbers"):
        save_checkpoint(tmp_path, {"a": {1.5: 2}}, step=1)
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(DataError, match=r"foreign\.safetensors is not a checkpoint of graven"):
        load_tensors(tmp_path / "foreign.safetensors")
    facts = json.dumps({"schema": 99, "tensors_sha256": ""})
    save_file({"a": torch.zeros(1)}, tmp_path / "later.safetensors", metadata={"graven": facts})
    with pytest.raises(DataError, match="has schema 99, this graven reads 1"):
        load_tensors(tmp_path / "later.safetensors")
