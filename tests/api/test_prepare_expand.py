"""The expansion on disk: the training side alone, the same bytes after an interruption, and a leak that is labelled."""

from __future__ import annotations

import csv
import json
import re
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from graven.api.prepare import prepare
from graven.cli.main import app
from graven.errors import Interrupted, MismatchError, UsageError
from graven.studies.labelled import prepared_sides

CLASSES: dict[str, tuple[str, ...]] = {"craquelure": (), "paint loss": ()}
OPTIONS: dict[str, Any] = {"classes": CLASSES, "patch_px": 32, "val_share": 0.25, "test_share": 0.25, "seed": 5}


class Finger:
    """Presses Ctrl-C when so many images have been begun."""

    def __init__(self, at: int) -> None:
        self.at = at

    def say(self, text: str) -> None:
        pass

    def event(self, kind: str, **facts: Any) -> None:
        pass

    @contextmanager
    def progress(self, description: str) -> Any:
        del description

        def report(done: int, total: int) -> None:
            del total
            if done == self.at:
                signal.raise_signal(signal.SIGINT)

        yield report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of two patches each; the lower part of the second patch lies beyond the border."""
    rng = np.random.default_rng(1)
    for part in ("images", "masks"):
        (tmp_path / "set" / part).mkdir(parents=True)
    for name in "abcd":
        Image.fromarray(rng.integers(0, 256, (50, 32, 3)).astype(np.uint8)).save(
            tmp_path / "set" / "images" / f"{name}.png"
        )
        numbers = rng.choice(np.array([0, 1, 2], np.uint8), (50, 32), p=[0.8, 0.15, 0.05])
        Image.fromarray(numbers).save(tmp_path / "set" / "masks" / f"{name}.png")
    return tmp_path / "set"


def table(out: Path) -> list[dict[str, str]]:
    with (out / "patches.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def content(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


def test_only_training_is_expanded_and_a_picture_stays_on_its_side(folder: Path, tmp_path: Path) -> None:
    done = prepare(folder, out=tmp_path / "out", expand=35, **OPTIONS)
    assert done.counts == {"train": 2 * 2 * 35, "val": 2, "test": 2}
    rows = table(tmp_path / "out")
    assert len({(row["group"], row["split"]) for row in rows}) == 4
    train = [row for row in rows if row["split"] == "train"]
    assert {row["variant"] for row in rows if row["split"] != "train"} == {"source"}
    assert len({row["variant"] for row in train}) == 35
    assert not prepared_sides(tmp_path / "out")[1]
    (source,) = [row for row in train if row["variant"] == "source"][:1]
    image = np.asarray(Image.open(folder / "images" / f"{source['group']}.png"))[:32]
    folder_out = tmp_path / "out" / "train" / "images"
    np.testing.assert_array_equal(np.asarray(Image.open(folder_out / f"{source['name']}.png")), image)
    inverted = next(row for row in train if row["variant"] == "inversion" and row["group"] == source["group"])
    np.testing.assert_array_equal(np.asarray(Image.open(folder_out / f"{inverted['name']}.png")), 255 - image)
    assert inverted["share_craquelure"] == source["share_craquelure"]
    told = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert (told["options"]["expand"], told["settings"]["variants_version"], told["split_by"]) == (35, 1, "group")


def test_masks_of_one_class_are_expanded_as_well(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "masks").iterdir():
        Image.fromarray(np.where(np.asarray(Image.open(path)) > 0, 255, 0).astype(np.uint8)).save(path)
    prepare(folder, out=tmp_path / "out", expand=3, **{**OPTIONS, "classes": None})
    for row in table(tmp_path / "out"):
        mask = np.asarray(Image.open(tmp_path / "out" / row["split"] / "masks" / f"{row['name']}.png"))
        whole = np.asarray(Image.open(folder / "masks" / f"{row['group']}.png"))
        expected = np.zeros((32, 32), np.uint8)
        part = whole[int(row["row"]) : int(row["row"]) + 32]
        expected[: len(part)] = part
        flips = {"source": (1, 1), "flip_h": (1, -1), "flip_v": (-1, 1)}[row["variant"]]
        np.testing.assert_array_equal(mask, expected[:: flips[0], :: flips[1]])


@pytest.mark.parametrize("leaky", [False, True])
def test_an_interrupted_expansion_ends_with_the_same_bytes(folder: Path, tmp_path: Path, leaky: bool) -> None:
    options = {**OPTIONS, "expand": 9, "leaky": leaky}
    prepare(folder, out=tmp_path / "whole", **options)
    with pytest.raises(Interrupted, match="continue with --resume"):
        prepare(folder, out=tmp_path / "cut", monitor=Finger(at=2), **options)
    partial = tmp_path / "cut.partial"
    assert not (tmp_path / "cut").exists()
    written = {path: path.stat().st_mtime_ns for path in partial.rglob("*.png")}
    assert written
    with pytest.raises(UsageError, match="use --resume to continue"):
        prepare(folder, out=tmp_path / "cut", **options)
    with pytest.raises(MismatchError, match="begun otherwise: seed differs"):
        prepare(folder, out=tmp_path / "cut", resume=True, **{**options, "seed": 6})
    with pytest.raises(Interrupted):
        prepare(folder, out=tmp_path / "cut", resume=True, monitor=Finger(at=4), **options)
    assert {path: path.stat().st_mtime_ns for path in written} == written, "finished patches are written again"
    prepare(folder, out=tmp_path / "cut", resume=True, **options)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    assert not [path for path in (tmp_path / "cut").iterdir() if path.name.startswith(".")]


def test_an_edited_mask_is_noticed_on_resuming(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        prepare(folder, out=tmp_path / "out", expand=5, monitor=Finger(at=2), **OPTIONS)
    Image.fromarray(np.zeros((50, 32), np.uint8)).save(folder / "masks" / "a.png")
    with pytest.raises(MismatchError, match="begun otherwise: the data set differs"):
        prepare(folder, out=tmp_path / "out", expand=5, resume=True, **OPTIONS)


def test_a_leak_scatters_variants_and_is_labelled(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["prepare", "set", "-o", "out", "--classes", "craquelure,paint loss", "--patch", "32"]
    done = CliRunner().invoke(app, [*arguments, "--expand", "35", "--i-know-tiles-leak", "--test-share", "0"])
    assert done.exit_code == 0, done.output
    assert "scores will be too good" in done.output
    rows = table(tmp_path / "out")
    sides = {side: [row for row in rows if row["split"] == side] for side in ("train", "val")}
    assert {side: len(found) for side, found in sides.items()} == {"train": 252, "val": 28}  # 9 : 1 of 8 patches x 35
    origins = {side: {re.sub(r"_x\d+$", "", row["name"]) for row in found} for side, found in sides.items()}
    assert origins["val"] <= origins["train"], "variants of one patch should stand on both sides"
    for side, found in sides.items():
        for part in ("images", "masks", "valid"):
            there = {path.stem for path in (tmp_path / "out" / side / part).iterdir()}
            assert there == {row["name"] for row in found}
    assert prepared_sides(tmp_path / "out")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"expand": 1}, "--expand takes 2 to 35 variants"),
        ({"expand": 36}, "got 36"),
        ({"resume": True}, "--resume goes on with an interrupted --expand"),
        ({"resume": True, "expand": 5}, "nothing to resume"),
    ],
)
def test_wrong_use_is_one_line(folder: Path, tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        prepare(folder, out=tmp_path / "out", **OPTIONS, **arguments)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out*"))
