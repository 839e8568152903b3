"""The row store keeps what its ledger names and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from graven.errors import DataError, DefectError, DiskFull, MismatchError
from graven.io import rowstore
from graven.io.rowstore import RowStore
from graven.types import Window

OPTIONS = {"height": 10, "width": 7, "n_bands": 2, "key": "abc"}
ROWS = np.random.default_rng(0).integers(0, 256, (2, 10, 7), dtype=np.uint8)


def _fill(store: RowStore, start: int, stop: int, step: int = 4) -> None:
    for row in range(start, stop, step):
        store.write_rows(row, ROWS[:, row : min(row + step, stop)], state=f"s{row}")


def test_rows_come_back_by_window(tmp_path: Path) -> None:
    with RowStore(tmp_path, **OPTIONS) as store:
        _fill(store, 0, 10)
        raster = store.raster(name="panel")
        np.testing.assert_array_equal(raster.read(), ROWS)
        np.testing.assert_array_equal(raster.read(Window(3, 2, 5, 4)), ROWS[:, 3:8, 2:6])
        assert raster.name == "panel"
        assert store.states == ("s0", "s4", "s8")


def test_unfinished_rows_are_continued(tmp_path: Path) -> None:
    with RowStore(tmp_path, **OPTIONS) as store:
        _fill(store, 0, 8)
        with pytest.raises(DefectError, match="8 of 10 rows"):
            store.raster()
    with RowStore(tmp_path, **OPTIONS, resume=True) as store:
        assert (store.rows_done, store.states) == (8, ("s0", "s4"))
        _fill(store, 8, 10)
        np.testing.assert_array_equal(store.raster().read(), ROWS)
    with RowStore(tmp_path, **OPTIONS, resume=True) as store:
        assert store.is_complete


@pytest.mark.parametrize("cut", range(1, 400, 9))
def test_a_ledger_cut_anywhere_gives_a_prefix_that_can_be_continued(tmp_path: Path, cut: int) -> None:
    with RowStore(tmp_path, **OPTIONS) as store:
        _fill(store, 0, 10)
    path = tmp_path / "prob.ledger"
    os.truncate(path, max(0, path.stat().st_size - cut))
    with RowStore(tmp_path, **OPTIONS, resume=True) as store:
        assert store.rows_done in (0, 4, 8)
        _fill(store, store.rows_done, 10)
    with RowStore(tmp_path, **OPTIONS, resume=True) as store:
        np.testing.assert_array_equal(store.raster().read(), ROWS)


def test_rows_that_do_not_agree_with_the_ledger_are_dropped(tmp_path: Path) -> None:
    with RowStore(tmp_path, **OPTIONS) as store:
        _fill(store, 0, 10)
    content = bytearray((tmp_path / "prob.rows").read_bytes())
    content[5 * 14] ^= 1
    (tmp_path / "prob.rows").write_bytes(content)
    with RowStore(tmp_path, **OPTIONS, resume=True) as store:
        assert store.rows_done == 4
        _fill(store, 4, 10)
        np.testing.assert_array_equal(store.raster().read(), ROWS)


def test_missing_rows_start_again(tmp_path: Path) -> None:
    with RowStore(tmp_path, **OPTIONS) as store:
        _fill(store, 0, 10)
    (tmp_path / "prob.rows").unlink()
    with RowStore(tmp_path, **OPTIONS, resume=True) as store:
        assert store.rows_done == 0


@pytest.mark.parametrize("other", [{"key": "other"}, {"width": 8}, {"n_bands": 1}])
def test_rows_of_another_run_are_refused(tmp_path: Path, other: dict[str, object]) -> None:
    RowStore(tmp_path, **OPTIONS).close()
    with pytest.raises(MismatchError, match=f"another run \\({next(iter(other))} differ"):
        RowStore(tmp_path, **(OPTIONS | other), resume=True)


def test_existing_work_is_not_overwritten_unasked(tmp_path: Path) -> None:
    RowStore(tmp_path, **OPTIONS).close()
    with pytest.raises(DataError, match="continue it with --resume"):
        RowStore(tmp_path, **OPTIONS)


def test_a_ledger_of_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prob.ledger").write_text('{"layout": 9}\n')
    with pytest.raises(DataError, match="not a ledger that this graven reads"):
        RowStore(tmp_path, **OPTIONS, resume=True)


def test_gaps_and_wrong_shapes_are_our_own_defect(tmp_path: Path) -> None:
    with RowStore(tmp_path, **OPTIONS) as store:
        for row, rows in ((1, ROWS[:, 1:3]), (0, ROWS[:1]), (0, ROWS[:, :, :5]), (0, np.repeat(ROWS, 2, axis=1))):
            with pytest.raises(DefectError, match="rows must continue at 0"):
                store.write_rows(row, rows, state="")


def test_a_full_disk_is_said_and_leaves_a_store_that_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RowStore(tmp_path, **OPTIONS) as store:
        _fill(store, 0, 4)
        calls = iter(range(9))
        append = rowstore._append

        def fails_once(file: object, data: bytes) -> None:
            if next(calls) == 1:
                append(file, data[: len(data) // 2])
                raise OSError(28, "No space left on device")
            append(file, data)

        monkeypatch.setattr(rowstore, "_append", fails_once)
        with pytest.raises(DiskFull):
            _fill(store, 4, 8)
        assert store.rows_done == 4
        _fill(store, 4, 10)
    with RowStore(tmp_path, **OPTIONS, resume=True) as store:
        np.testing.assert_array_equal(store.raster().read(), ROWS)
