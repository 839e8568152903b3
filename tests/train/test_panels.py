"""Stores of prepared panels: what is written is what is mapped, and nothing is mixed up."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from graven.errors import DataError, InputError, MismatchError
from graven.train.panels import Panel, ReadPanel, band_statistics, read_store, write_store

ORIGIN = {"generator": "g-1", "prepare": [{"name": "clahe", "options": {"cell_px": 64}}]}


def reader(seed: int, *, partly_valid: bool = False, log: list[int] | None = None) -> ReadPanel:
    def read() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_] | None]:
        if log is not None:
            log.append(seed)
        rng = np.random.default_rng(seed)
        valid = rng.random((6, 9)) < 0.8 if partly_valid else None
        return rng.integers(0, 256, (3, 6, 9), dtype=np.uint8), rng.random((6, 9)) < 0.3, valid

    return read


def test_what_is_written_is_what_is_mapped(tmp_path: Path) -> None:
    sources = [(f"p{seed}", f"g{seed % 2}", reader(seed, partly_valid=seed == 2)) for seed in range(3)]
    store = write_store(tmp_path, sources, origin=ORIGIN)
    assert read_store(tmp_path) == store
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.json",
        "p2_valid.npy",
        *(f"p{seed}_{part}.npy" for seed in range(3) for part in ("image", "target")),
    }
    for seed, (panel, entry) in enumerate(zip(store.open(), store.entries, strict=True)):
        image, target, valid = reader(seed, partly_valid=seed == 2)()
        assert isinstance(panel.image, np.memmap)
        assert np.array_equal(panel.image, image)
        assert np.array_equal(panel.target, target)
        assert (panel.valid is None) == (valid is None)
        known = target if valid is None else target[valid]
        assert entry.positive_share == pytest.approx(known.mean())
        assert (panel.name, panel.group) == (f"p{seed}", f"g{seed % 2}")
    assert [panel.name for panel in store.open(["p2", "p0"])] == ["p2", "p0"]


def test_an_interrupted_store_continues_and_ends_the_same(tmp_path: Path) -> None:
    log: list[int] = []
    sources = [(f"p{seed}", "g", reader(seed, log=log)) for seed in range(3)]

    def stop(entry: object) -> None:
        if len(log) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(tmp_path / "a", sources, origin=ORIGIN, on_panel=stop)
    continued = write_store(tmp_path / "a", sources, origin=ORIGIN)
    assert log == [0, 1, 2]
    whole = write_store(tmp_path / "b", sources, origin=ORIGIN)
    assert continued.sha256 == whole.sha256
    assert [e.sha256 for e in continued.entries] == [e.sha256 for e in whole.entries]


def test_the_hash_sees_origin_and_pixels(tmp_path: Path) -> None:
    hashes = {
        write_store(tmp_path / "a", [("p", "g", reader(0))], origin=ORIGIN).sha256,
        write_store(tmp_path / "b", [("p", "g", reader(1))], origin=ORIGIN).sha256,
        write_store(tmp_path / "c", [("p", "g", reader(0))], origin={"generator": "g-2"}).sha256,
        write_store(tmp_path / "d", [("p", "g", reader(0))], origin=ORIGIN).sha256,
    }
    assert len(hashes) == 3


def test_a_store_of_another_origin_is_not_mixed(tmp_path: Path) -> None:
    write_store(tmp_path, [("p", "g", reader(0))], origin=ORIGIN)
    with pytest.raises(MismatchError, match="made from something else"):
        write_store(tmp_path, [("q", "g", reader(1))], origin={"generator": "g-2"})


def test_impossible_stores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"index\.json is missing"):
        read_store(tmp_path)
    with pytest.raises(InputError, match="at least one panel, got none"):
        write_store(tmp_path, [], origin=ORIGIN)
    with pytest.raises(InputError, match="two panels are named 'p'"):
        write_store(tmp_path / "two", [("p", "g", reader(0)), ("p", "g", reader(1))], origin=ORIGIN)
    store = write_store(tmp_path, [("p", "g", reader(0))], origin=ORIGIN)
    with pytest.raises(InputError, match="has no panel 'q'"):
        store.open(["q"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ('{"schema": 1, "origin": {}}', "is damaged"),
        ('{"schema": 2, "origin": {}, "panels": []}', "has schema 2, this graven reads 1"),
        ('{"schema": 1, "origin": {}, "panels": []}', "holds no panels"),
    ],
)
def test_a_damaged_index_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "index.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_store(tmp_path)


def test_damaged_panels_are_refused(tmp_path: Path) -> None:
    store = write_store(tmp_path, [("p", "g", reader(0))], origin=ORIGIN)
    content = json.loads((tmp_path / "index.json").read_text())
    content["panels"][0]["shape"] = [3, 6, 10]
    (tmp_path / "index.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"has shape \(3, 6, 9\), the index says \(3, 6, 10\)"):
        read_store(tmp_path).open()
    (tmp_path / "p_image.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="cannot be read as a plain array"):
        store.open()


def test_a_panel_that_does_not_fit_together_is_refused() -> None:
    image = np.zeros((3, 4, 4), np.uint8)
    with pytest.raises(MismatchError, match=r"must be \(C, H, W\)"):
        Panel("p", "g", image, np.zeros((4, 5), bool))
    with pytest.raises(InputError, match="must be uint8, got float32"):
        Panel("p", "g", image.astype(np.float32), np.zeros((4, 4), bool))  # type: ignore[arg-type]  # on purpose


def test_statistics_are_those_of_all_valid_pixels(train_panels: tuple[Panel, ...]) -> None:
    valid = np.zeros(train_panels[0].target.shape, bool)
    valid[10:50, 20:60] = True
    partly = dataclasses.replace(train_panels[0], valid=valid)
    pixels = np.concatenate([partly.image[:, valid], train_panels[1].image.reshape(3, -1)], axis=1).astype(np.float64)
    mean, std = band_statistics([partly, train_panels[1]])
    assert mean == pytest.approx(pixels.mean(axis=1), rel=1e-12)
    assert std == pytest.approx(pixels.std(axis=1), rel=1e-10)


def test_statistics_of_nothing_or_of_a_constant_are_refused() -> None:
    flat = Panel("p", "g", np.full((1, 4, 4), 7, np.uint8), np.zeros((4, 4), bool))
    with pytest.raises(InputError, match="band 1 has the same value everywhere"):
        band_statistics([flat])
    with pytest.raises(InputError, match="at least one valid pixel"):
        band_statistics([dataclasses.replace(flat, valid=np.zeros((4, 4), bool))])
