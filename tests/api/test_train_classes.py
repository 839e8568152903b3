"""From labelled photographs to a network of three classes, by the two verbs; data of other classes are refused."""

from __future__ import annotations

import csv
import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from graven.api.prepare import prepare
from graven.api.train import train
from graven.cli.main import app
from graven.errors import DataError, UsageError
from graven.studies.begl_data import folder_data
from graven.studies.labelled import prepared_classes

pytest.importorskip("torch")
pytest.importorskip("lightning")

RECIPE = """
name: colours
method: condition
task: {task}
network: {{name: unet, options: {{widths: [4, 8], n_classes: {n_classes}}}}}
loss: {loss}
data: {{crop_px: 32, batch_size: 4, items_per_epoch: 16, validation_tile_px: 32}}
augment: {{translation: 0.2, inversion: 0.1, sharpening: 0.5, hue_deg: 5, saturation: 0.1, value: 0.1, aspect: 0.2}}
optimiser: {{name: adam, lr: 0.01}}
run: {{max_steps: 8, validate_every_steps: 4, checkpoint_every_steps: 4, precision: fp32, seed: 2}}
"""
CLASSES: dict[str, tuple[str, ...]] = {"craquelure": (), "paint loss": ()}


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def event(self, kind: str, **facts: Any) -> None:
        self.events.append((kind, facts))

    def progress(self, description: str) -> AbstractContextManager[Any]:
        del description
        return nullcontext(lambda *_: None)


def recipe(folder: Path, *, task: str = "classes", n_classes: int = 3, loss: str = "mixed1") -> Path:
    path = folder / f"{task}-{n_classes}.yaml"
    path.write_text(RECIPE.format(task=task, n_classes=n_classes, loss=loss), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark lines are craquelure, bright squares paint loss, and a strip belongs to nobody."""
    folder = tmp_path_factory.mktemp("panels") / "set"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed, name in enumerate("abcd"):
        rng = np.random.default_rng(seed)
        numbers = np.zeros((64, 64), np.uint8)
        numbers[10 + seed : 13 + seed] = 1
        numbers[30:50, 10 + seed : 30 + seed] = 2
        image = rng.normal(120, 6, (64, 64, 3))
        image[numbers == 1] -= 80
        image[numbers == 2] += 80
        numbers[60:] = 255
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / "images" / f"{name}.png")
        Image.fromarray(numbers).save(folder / "masks" / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def patches(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("patches") / "patches"
    prepare(labelled, out=out, classes=CLASSES, patch_px=64, expand=3, val_share=0.25, test_share=0)
    return out


def test_a_recipe_of_classes_trains_on_them_and_says_how_rare_they_are(patches: Path, tmp_path: Path) -> None:
    ear = Ear()
    result = train(recipe(tmp_path), data=patches, out=tmp_path / "run", monitor=ear)
    assert result.steps == 8
    (facts,) = [facts for kind, facts in ear.events if kind == "classes"]
    # 60 known rows of 64: 3 of craquelure, 20 x 20 px of paint loss; flips and the strip change nothing of it.
    expected = [1 - (3 * 64 + 400) / (60 * 64), 3 / 60, 400 / (60 * 64)]
    assert facts["names"] == ["background", "craquelure", "paint loss"]
    assert facts["train"] == pytest.approx(expected, abs=1e-9)
    assert facts["val"] == pytest.approx(expected, abs=1e-9)
    assert "training pixels: background 84.58 %, craquelure 5.00 %, paint loss 10.42 %" in ear.said
    with (result.path / "classes.csv").open(newline="") as file:
        assert [(row["number"], row["class"], row["train_share"]) for row in csv.DictReader(file)] == [
            ("0", "background", "0.845833"),
            ("1", "craquelure", "0.050000"),
            ("2", "paint loss", "0.104167"),
        ]
    told = json.loads((result.path / "run.json").read_text(encoding="utf-8"))
    assert told["data"]["train"]["origin"]["classes"] == ["craquelure", "paint loss"]
    assert "classes.csv" in told["outputs"]
    scores = [facts for kind, facts in ear.events if kind == "validation"][-1]
    assert {"iou_0", "iou_1", "iou_2"} <= set(scores)
    stored = np.load(next((result.path / "panels" / "train").glob("*_target.npy")))
    assert set(np.unique(stored)) == {0, 1, 2}


def test_an_absent_class_is_said(labelled: Path, tmp_path: Path) -> None:
    classes = {**CLASSES, "dust": ()}
    prepare(labelled, out=tmp_path / "patches", classes=classes, patch_px=64, val_share=0.25, test_share=0)
    ear = Ear()
    train(recipe(tmp_path, n_classes=4), data=tmp_path / "patches", out=tmp_path / "run", monitor=ear)
    assert "no training pixel is dust; what is not shown cannot be learnt" in ear.said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 2}, "has n_classes 2, but the data need 3: background, craquelure, paint loss"),
        ({"task": "segment", "n_classes": 1, "loss": "bce"}, "is for one class .* but the data hold craquelure"),
    ],
)
def test_a_recipe_for_other_classes_is_refused_before_anything_is_prepared(
    patches: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        train(recipe(tmp_path, **options), data=patches, out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("run*"))


def test_data_of_one_class_are_refused_on_the_command_line(labelled: Path, tmp_path: Path) -> None:
    for path in (labelled / "masks").iterdir():
        other = tmp_path / "set" / "masks" / path.name
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(np.asarray(Image.open(path)) == 1, 255, 0).astype(np.uint8)).save(other)
    (tmp_path / "set" / "images").symlink_to(labelled / "images")
    prepare(tmp_path / "set", out=tmp_path / "patches", patch_px=64, val_share=0.25, test_share=0)
    arguments = ["train", str(recipe(tmp_path)), "--data", str(tmp_path / "patches"), "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, UsageError)
    assert "tells classes apart, but the data are of one class; prepare them with graven prepare --classes" in str(
        done.exception
    )
    assert not list(tmp_path.glob("run*"))


def test_a_table_that_is_none_and_a_study_of_one_class_are_refused(patches: Path, tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text('{"classes": [{"id": 2, "name": "a"}]}', encoding="utf-8")
    with pytest.raises(DataError, match=r"names and the ids 1, 2, …; make it again with graven prepare"):
        prepared_classes(tmp_path)
    with pytest.raises(DataError, match="holds several classes, the study is of one"):
        folder_data(tmp_path / "study", patches, group_by=None, monitor=Ear())
