from __future__ import annotations

import csv
import json
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from graven.api.reproduce import reproduce
from graven.cli.main import app
from graven.errors import DataError, Interrupted, UsageError

pytest.importorskip("torch")
pytest.importorskip("lightning")


class Ear:
    """Acts as if Ctrl-C had been pressed at the n-th event of a kind."""

    def __init__(self, kind: str = "", number: int = 1) -> None:
        self.kind, self.left = kind, number
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def event(self, kind: str, **_: Any) -> None:
        self._hear(kind)

    def progress(self, description: str):
        return nullcontext(lambda *_: self._hear(description))

    def _hear(self, kind: str) -> None:
        self.left -= kind == self.kind
        if kind == self.kind and self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine crops of three photographs with bright bars."""
    folder = tmp_path_factory.mktemp("bars") / "bars"
    rng = np.random.default_rng(2)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for photo in "abcd":
        for crop in range(2):
            bar = np.zeros((64, 64), bool)
            bar[:, 20 + 6 * crop : 34 + 6 * crop] = True
            image = np.clip(rng.normal(60, 10, (64, 64, 3)) + 90 * bar[..., None], 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "images" / f"{photo}_{crop}.png"), image)
            cv2.imwrite(str(folder / "masks" / f"{photo}_{crop}.png"), bar.astype(np.uint8) * 255)
    return folder


def options(pairs: Path, out: Path) -> dict[str, Any]:
    how = {"protocol": "tiny", "n_seeds": 1, "losses": ("bce", "begl"), "group_by": "([a-z])_"}
    return {"study": "begl", "data": pairs, "out": out, **how}


@pytest.fixture(scope="module")
def whole(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reproduce(**options(pairs, tmp_path_factory.mktemp("whole") / "study")).path


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param("validation", 3, id="in the middle of the second run"),
        pytest.param("preparing panels", 3, id="while panels are prepared", marks=pytest.mark.slow),
        pytest.param("testing Balanced CE, seed 1", 1, id="while the first run is tested", marks=pytest.mark.slow),
    ],
)
def test_interrupted_and_resumed_study_is_the_same(
    pairs: Path, whole: Path, tmp_path: Path, kind: str, number: int
) -> None:
    # Each run validates twice, so the third validation is in the middle of the second run.
    out = tmp_path / "study"
    with pytest.raises(Interrupted) as caught:
        reproduce(**options(pairs, out), monitor=Ear(kind, number))
    assert caught.value.exit_code == 130
    assert "--resume" in str(caught.value)
    assert not out.exists()
    result = reproduce(**options(pairs, out), resume=True)
    assert result.result.n_found == (1 if kind == "validation" else 0)
    for name in ("results.csv", "table1.csv", "table1.md", "figure5.png", "figure6.png", "README.md", "protocol.json"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name


def test_finished_study_says_so_and_can_be_asked_again(pairs: Path, whole: Path) -> None:
    with pytest.raises(UsageError, match="exists; choose another output name"):
        reproduce(**options(pairs, whole))
    again = reproduce(**options(pairs, whole), resume=True)
    assert (again.result.n_done, again.result.n_found) == (0, 2)
    text = again.summary()
    assert "0 runs trained, 2 found finished" in text
    assert again.result.verdict[0] in text
    assert str(whole / "README.md") in text
    assert json.loads(json.dumps(again.facts()))["runs"] == {"trained": 0, "found": 2, "collapsed": 0}
    assert not list(whole.parent.glob("*.partial"))


def test_page_tells_the_command_without_a_path(pairs: Path, whole: Path) -> None:
    command = "$ graven reproduce begl --data bars --group-by '([a-z])_' --protocol tiny --seeds 1 --losses bce,begl"
    assert command in (whole / "README.md").read_text()
    facts = json.loads((whole / "protocol.json").read_text())["data"]
    assert sorted(facts["groups"]["train"] + facts["groups"]["val"] + facts["groups"]["test"]) == list("abcd")


def test_the_account_tells_options_data_and_outputs(pairs: Path, whole: Path) -> None:
    told = json.loads((whole / "run.json").read_text())
    assert (told["command"], told["options"]["losses"]) == ("reproduce", ["bce", "begl"])
    assert [entry["name"] for entry in told["inputs"]] == [pairs.name]
    assert {"README.md", "table1.csv"} <= set(told["outputs"])
    assert told["seconds"]["total"] > 0
    assert str(whole) not in json.dumps(told)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"study": "relief"}, UsageError, "reproduce knows begl, craquelure, refinement, got 'relief'"),
        ({"study": "craquelure"}, UsageError, "--losses does not belong to the study craquelure"),
        ({"parts": ("losses",)}, UsageError, "--parts does not belong to the study begl"),
        ({"paper_split": True}, UsageError, "--paper-split does not belong to the study begl"),
        ({"protocol": "large"}, UsageError, "--protocol takes small or full"),
        ({"n_seeds": 0}, UsageError, "--seeds must be at least 1"),
        ({"epochs": -1}, UsageError, "--epochs must be at least 1"),
        ({"losses": ("mse",)}, UsageError, "--losses takes any of"),
        ({"data": "nowhere"}, DataError, "which is no folder"),
        ({"data": None}, UsageError, "--group-by belongs to --data"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    pairs: Path, tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        reproduce(**{**options(pairs, tmp_path / "study"), **arguments})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"parts": ("cracks",)}, UsageError, "the part cracks needs --data"),
        ({"parts": ("loss",)}, UsageError, "--parts takes any of losses,lambda,networks,cracks, got 'loss'"),
        ({"sets": ("roads",)}, UsageError, "--sets takes any of crackforest"),
        ({"sets": ("uav75",)}, UsageError, "--sets belongs to the part cracks"),
        ({"data": "nowhere"}, DataError, "expected a folder with the sets of cracks"),
        ({"n_seeds": 0}, UsageError, "--seeds must be at least 1"),
        ({"epochs": 0}, UsageError, "--epochs must be at least 1"),
    ],
)
def test_wrong_use_of_the_craquelure_study_is_one_line_and_leaves_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        reproduce("craquelure", out=tmp_path / "study", protocol="tiny", **arguments)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_craquelure_study_interrupted_in_its_second_run_continues(tmp_path: Path) -> None:
    how: dict[str, Any] = {"protocol": "tiny", "n_seeds": 1, "parts": ("networks",), "out": tmp_path / "study"}
    with pytest.raises(Interrupted):
        reproduce("craquelure", **how, monitor=Ear("testing unet, seed 1"))
    result = reproduce("craquelure", **how, resume=True)
    assert (result.result.n_done, result.result.n_found) == (2, 1)
    page = (tmp_path / "study" / "README.md").read_text()
    assert "$ graven reproduce craquelure --protocol tiny --seeds 1 --parts networks\n" in page
    assert result.facts()["miou"].keys() == {"mixed1", "unet", "mcdm", "blackhat-otsu"}
    told = json.loads((tmp_path / "study" / "run.json").read_text())
    assert told["options"]["parts"] == ["networks"]
    assert "group_by" not in told["options"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"parts": ("losses",)}, UsageError, "--parts takes any of inputs,widths,strokes,objects,operations,keeping"),
        ({"sets": ("uav75",)}, UsageError, "--sets does not belong to the study refinement"),
        ({"losses": ("bce",)}, UsageError, "--losses does not belong to the study refinement"),
        ({"data": "nowhere"}, DataError, "expected a folder with images and masks of pages"),
        ({"protocol": "large"}, UsageError, "--protocol takes small or full"),
        ({"n_seeds": 0}, UsageError, "--seeds must be at least 1"),
        ({"epochs": 0}, UsageError, "--epochs must be at least 1"),
    ],
)
def test_wrong_use_of_the_refinement_study_is_one_line_and_leaves_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        reproduce("refinement", out=tmp_path / "study", protocol=arguments.pop("protocol", "tiny"), **arguments)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("step", ["testing published, seed 1", "working with published-s1"])
def test_refinement_study_interrupted_continues_to_the_same_page(tmp_path: Path, step: str) -> None:
    how: dict[str, Any] = {"protocol": "tiny", "n_seeds": 1, "parts": ("operations",)}
    with pytest.raises(Interrupted):
        reproduce("refinement", out=tmp_path / "study", **how, monitor=Ear(step))
    result = reproduce("refinement", out=tmp_path / "study", **how, resume=True)
    assert result.result.n_found == (1 if step.startswith("testing") else 2)
    whole = reproduce("refinement", out=tmp_path / "whole", **how)
    for name in ("tables.csv", "patches.csv", "objects.csv", "operations.png", "figure5.png", "protocol.json"):
        assert (result.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    assert "$ graven reproduce refinement --protocol tiny --seeds 1 --parts operations\n" in (
        result.path / "README.md"
    ).read_text(encoding="utf-8")
    assert result.facts()["peak"].keys() == {"published-official", "published-add", "published-erase"}


def test_command_line_hands_everything_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from graven.api import reproduce as module

    given: dict[str, Any] = {}

    class Done:
        def summary(self) -> str:
            return "done"

        def facts(self) -> dict[str, Any]:
            return {}

    def record(study: str, **options: Any) -> Done:
        given.update(options, study=study)
        return Done()

    monkeypatch.setattr(module, "reproduce", record)
    line = "reproduce begl --data d -o o --protocol full --seeds 2 --epochs 4 --losses bce, --variants begl-g7 --resume"
    done = CliRunner().invoke(app, [*line.split(), "--group-by", "x"])
    assert done.output == "done\n"
    del given["monitor"]
    assert given == {
        "study": "begl",
        "data": Path("d"),
        "out": Path("o"),
        "protocol": "full",
        "n_seeds": 2,
        "epochs": 4,
        "losses": ("bce",),
        "variants": ("begl-g7",),
        "group_by": "x",
        "parts": None,
        "sets": None,
        "paper_split": False,
        "resume": True,
    }
    line = "reproduce craquelure --parts losses,cracks --sets uav75 --paper-split"
    assert CliRunner().invoke(app, line.split()).exit_code == 0
    assert (given["parts"], given["sets"], given["paper_split"]) == (("losses", "cracks"), ("uav75",), True)


def test_rows_name_the_photograph_so_that_its_crops_are_drawn_together(whole: Path) -> None:
    with (whole / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # Names are <photograph>_<crop>[row,col], and the pattern of the study takes the letter.
    assert all(row["panel"] == row["image"].partition("_")[0] for row in rows)
