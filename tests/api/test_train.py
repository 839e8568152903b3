from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from graven.api.prepare import prepare
from graven.api.train import Trained, recipes, train
from graven.cli.main import app
from graven.errors import DataError, Interrupted, MismatchError, TrainingCollapsed, UsageError

pytest.importorskip("torch")
pytest.importorskip("lightning")

RECIPE = """
name: discs
method: {method}
network: {{name: unet, options: {{widths: [4, 8]}}}}
loss: {loss}
prepare: [reversal]
data: {{crop_px: 32, batch_size: 4, items_per_epoch: 16, validation_tile_px: 32}}
optimiser: {{name: adam, lr: 0.005}}
run: {{max_steps: {steps}, validate_every_steps: 4, checkpoint_every_steps: 4, precision: fp32, seed: 2}}
"""


class Ear:
    """Keeps what it hears; at a given event it acts as if Ctrl-C had been pressed."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.said: list[str] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.stop_at = stop_at

    def say(self, text: str) -> None:
        self.said.append(text)

    def event(self, kind: str, **facts: Any) -> None:
        self.events.append((kind, facts))
        if kind == self.stop_at:
            self.stop_at = None
            signal.raise_signal(signal.SIGINT)

    def progress(self, description: str):
        return nullcontext(lambda done, total: self.events.append((description, {"done": done, "total": total})))


def write_recipe(folder: Path, *, steps: int = 8, loss: str = "bce", method: str = "petroglyph") -> Path:
    path = folder / f"recipe-{steps}-{loss}-{method}.yaml"
    path.write_text(RECIPE.format(steps=steps, loss=loss, method=method))
    return path


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bright discs on dark noise, made into patches by the verb that users have."""
    folder = tmp_path_factory.mktemp("discs")
    rng = np.random.default_rng(1)
    for part in ("images", "masks"):
        (folder / "panels" / part).mkdir(parents=True)
    row, col = np.mgrid[:80, :64]
    for index in range(5):
        disc = (row - 30 - index) ** 2 + (col - 30) ** 2 < 14**2
        image = np.clip(rng.normal(60, 12, (80, 64, 3)) + 110 * disc[..., None], 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "panels" / "images" / f"p{index}.png"), image)
        cv2.imwrite(str(folder / "panels" / "masks" / f"p{index}.png"), disc.astype(np.uint8) * 255)
    prepare(folder / "panels", out=folder / "patches", patch_px=64, val_share=0.2, test_share=0.2)
    return folder / "patches"


@pytest.fixture(scope="module")
def trained(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Ear]:
    folder, ear = tmp_path_factory.mktemp("trained"), Ear()
    return train(write_recipe(folder), data=patches, out=folder / "run", monitor=ear), ear


def test_run_leaves_weights_logs_and_pictures(trained: tuple[Trained, Ear]) -> None:
    result, _ = trained
    assert result.path.name == "run"
    assert not result.path.with_name("run.partial").exists()
    for name in ("curves.png", "samples.png"):
        assert cv2.imread(str(result.path / name)).std() > 5
    assert (result.path / "recipe.yaml").read_text().startswith("name: discs")
    assert result.checkpoint.is_file()
    assert result.best_path.is_file()
    assert not (result.path / "job.json").exists()


def test_result_says_the_best_validation_and_where_it_lies(trained: tuple[Trained, Ear]) -> None:
    from graven.train.checkpoint import load_tensors

    result, ear = trained
    with (result.path / "validation.csv").open(newline="") as file:
        scores = {int(row["step"]): float(row["miou"]) for row in csv.DictReader(file)}
    assert set(scores) == {4, 8}
    best = max(scores, key=scores.__getitem__)
    assert (result.best_step, result.steps, result.stopped_by, result.score_name) == (best, 8, "length", "miou")
    assert result.best_score == pytest.approx(scores[best], rel=1e-8)
    assert load_tensors(result.best_path)[1]["step"] == best
    text = result.summary()
    assert f"best validation miou {result.best_score:.4f} after update {best}" in text
    assert str(result.best_path) in text
    assert f"-m {result.bundle}" in text
    assert json.loads(json.dumps(result.facts()))["best_path"] == str(result.best_path)
    assert [kind for kind, _ in ear.events].count("validation") == 2


def test_patches_are_what_prepare_split_and_valid_masks_count(patches: Path, trained: tuple[Trained, Ear]) -> None:
    result, _ = trained
    with (patches / "patches.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for side in ("train", "val"):
        index = json.loads((result.path / "panels" / side / "index.json").read_text())
        found = {(panel["name"], panel["group"]) for panel in index["panels"]}
        assert found == {(row["name"], row["group"]) for row in rows if row["split"] == side}
        # Panels are 80 px high: every second patch of 64 px reaches 48 px beyond the border and is invalid there.
        assert {panel["has_valid"] for panel in index["panels"]} == {False, True}
        name = next(panel["name"] for panel in index["panels"] if panel["has_valid"])
        valid = np.load(result.path / "panels" / side / f"{name}_valid.npy")
        assert valid.sum() == 16 * 64


def test_the_account_tells_recipe_panels_and_outputs(trained: tuple[Trained, Ear]) -> None:
    import hashlib

    result, _ = trained
    told = json.loads((result.path / "run.json").read_text())
    assert (told["command"], told["options"]["data"], told["options"]["out"]) == ("train", "patches", "run")
    assert [entry["name"] for entry in told["inputs"]] == ["recipe", "panels/train", "panels/val"]
    assert told["settings"]["run"]["max_steps"] == 8
    assert told["outputs"]["best.safetensors"] == hashlib.sha256(result.best_path.read_bytes()).hexdigest()
    assert f"checkpoints/{result.checkpoint.name}" in told["outputs"]
    assert not [name for name in told["outputs"] if name.startswith(("panels/", "job.json", "run.json"))]
    assert str(result.path) not in json.dumps(told)


def test_panels_are_prepared_as_the_recipe_says(patches: Path, trained: tuple[Trained, Ear]) -> None:
    result, _ = trained
    name = json.loads((result.path / "panels" / "train" / "index.json").read_text())["panels"][0]["name"]
    stored = np.load(result.path / "panels" / "train" / f"{name}_image.npy")
    file = cv2.imread(str(patches / "train" / "images" / f"{name}.png"))
    assert np.array_equal(stored, 255 - np.moveaxis(file[..., ::-1], -1, 0))


def test_preparation_as_augmentation_adds_prepared_copies_to_training_alone(patches: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, steps=4)
    recipe.write_text(recipe.read_text() + "augment_photometric: true\n")
    result = train(recipe, data=patches, out=tmp_path / "run")
    images = {
        side: {
            path.name.removesuffix("_image.npy"): np.load(path)
            for path in (result.path / "panels" / side).glob("*_image.npy")
        }
        for side in ("train", "val")
    }
    bare = {name for name in images["train"] if not name.endswith("-prepared")}
    assert set(images["train"]) == bare | {f"{name}-prepared" for name in bare}
    for name in bare:
        file = cv2.imread(str(patches / "train" / "images" / f"{name}.png"))
        assert np.array_equal(images["train"][name], np.moveaxis(file[..., ::-1], -1, 0))
        assert np.array_equal(images["train"][f"{name}-prepared"], 255 - images["train"][name])
    index = json.loads((result.path / "panels" / "train" / "index.json").read_text())["panels"]
    assert len({panel["group"] for panel in index}) * 2 <= len(index)
    for name, image in images["val"].items():
        file = cv2.imread(str(patches / "val" / "images" / f"{name}.png"))
        assert np.array_equal(image, np.moveaxis(file[..., ::-1], -1, 0))


def test_existing_output_is_refused_without_resume(trained: tuple[Trained, Ear], patches: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in trained[0].path.rglob("*"))
    with pytest.raises(UsageError, match="exists; choose another output name"):
        train(write_recipe(tmp_path), data=patches, out=trained[0].path)
    assert sorted(path.name for path in trained[0].path.rglob("*")) == before


def test_interrupted_and_resumed_is_the_same_as_uninterrupted(
    patches: Path, trained: tuple[Trained, Ear], tmp_path: Path
) -> None:
    recipe, out = write_recipe(tmp_path), tmp_path / "run"
    with pytest.raises(Interrupted, match="SIGINT at step 4; saved, continue with --resume") as caught:
        train(recipe, data=patches, out=out, monitor=Ear(stop_at="validation"))
    assert caught.value.exit_code == 130
    assert not out.exists()
    with pytest.raises(UsageError, match="use --resume"):
        train(recipe, data=patches, out=out)
    ear = Ear()
    result = train(recipe, data=patches, out=out, resume=True, monitor=ear)
    assert "resumed at step 4" in ear.said
    whole = trained[0]
    assert (result.steps, result.best_step, result.best_score) == (whole.steps, whole.best_step, whole.best_score)
    facts = [json.loads((path / "result.json").read_text()) for path in (result.path, whole.path)]
    assert facts[0]["weights_sha256"] == facts[1]["weights_sha256"]
    # A finished run goes on when its recipe has more steps.
    longer = train(write_recipe(tmp_path, steps=12), data=patches, out=out, resume=True)
    assert longer.steps == 12
    assert longer.path.is_dir()
    assert json.loads((out / "run.json").read_text())["command"] == "train"


def test_other_data_and_other_recipes_do_not_resume(patches: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        train(write_recipe(tmp_path), data=patches, out=out, monitor=Ear(stop_at="validation"))
    with pytest.raises(MismatchError, match="recipe differ"):
        train(write_recipe(tmp_path, loss="dice"), data=patches, out=out, resume=True)
    with pytest.raises(MismatchError, match="made from something else"):
        train(write_recipe(tmp_path), out=out, resume=True, n_panels=2, panel_px=64)
    assert any((tmp_path / "run.partial" / "checkpoints").iterdir()), "a refused resume must leave the work there"


@pytest.mark.parametrize("what", ["recipe", "data"])
def test_a_refused_resume_leaves_a_finished_run_as_it_was(patches: Path, tmp_path: Path, what: str) -> None:
    out = tmp_path / "run"
    train(write_recipe(tmp_path), data=patches, out=out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    recipe = write_recipe(tmp_path, loss="dice" if what == "recipe" else "bce")
    wrong: dict[str, Any] = {"data": patches} if what == "recipe" else {"n_panels": 2, "panel_px": 64}
    with pytest.raises(MismatchError):
        train(recipe, out=out, resume=True, **wrong)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert not out.with_name("run.partial").exists()


def test_work_of_another_verb_is_not_continued(tmp_path: Path, patches: Path) -> None:
    (tmp_path / "record").mkdir()
    (tmp_path / "record" / "run.json").write_text('{"command": "segment"}')
    with pytest.raises(UsageError, match="was written by graven segment, not by train"):
        train(write_recipe(tmp_path), data=patches, out=tmp_path / "record", resume=True)
    assert [path.name for path in (tmp_path / "record").iterdir()] == ["run.json"]


def test_without_data_procedural_panels_are_grown(tmp_path: Path) -> None:
    from graven.synthetic import make_petroglyph
    from graven.synthetic.testsets import PETROGLYPH_VAL, train_seeds

    result = train(write_recipe(tmp_path, steps=4), out=tmp_path / "run", n_panels=4, panel_px=64)
    index = {
        side: json.loads((result.path / "panels" / side / "index.json").read_text())["panels"]
        for side in ("train", "val")
    }
    assert [panel["name"] for panel in index["train"]] == [
        f"{'severe' if seed % 4 == 3 else 'ordinary'}-{seed}" for seed in train_seeds(4)
    ]
    assert len(index["val"]) == len(PETROGLYPH_VAL)
    panel = make_petroglyph(train_seeds(1)[0], size_px=64, pixel_size_mm=0.5)
    stored = np.load(result.path / "panels" / "train" / f"{index['train'][0]['name']}_image.npy")
    assert np.array_equal(stored, 255 - panel.image)


def test_failure_that_nothing_can_be_learnt_from_leaves_no_claim(tmp_path: Path) -> None:
    for side in ("train", "val"):
        for part in ("images", "masks"):
            (tmp_path / "data" / side / part).mkdir(parents=True)
            pixels = np.random.default_rng(3).integers(0, 255, (40, 40)) if part == "images" else np.zeros((40, 40))
            cv2.imwrite(str(tmp_path / "data" / side / part / f"{side}.png"), pixels.astype(np.uint8))
    with pytest.raises(TrainingCollapsed, match="none of the 1 training panels holds a foreground pixel"):
        train(write_recipe(tmp_path), data=tmp_path / "data", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"recipe": "no-such-recipe"}, UsageError, "there is no recipe 'no-such-recipe'"),
        ({"method": "engraving", "data": None}, UsageError, "give its panels with --data"),
        ({"data": "nowhere"}, DataError, "graven prepare"),
        ({"max_minutes": 0.0}, UsageError, "--max-minutes must be above 0"),
        ({"data": None, "n_panels": 0}, UsageError, "--panels must be at least 1"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_nothing(
    tmp_path: Path, patches: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    recipe = arguments.pop("recipe", None) or write_recipe(tmp_path, method=arguments.pop("method", "petroglyph"))
    with pytest.raises(error, match=message) as caught:
        train(recipe, **{"data": patches, "out": tmp_path / "run", **arguments})
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("run*"))


def test_recipes_that_ship_are_listed() -> None:
    done = CliRunner().invoke(app, ["train", "--list", "--json"])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [{key: row[key] for key in row if key != "event"} for row in rows] == recipes()
    assert {"petroglyph-segment"} <= {row["name"] for row in rows}


def test_without_pytorch_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from graven.cli.main import run\n"
        "run(['train', 'petroglyph-segment', '-o', 'run'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "'torch' is not installed; run: pip install 'graven[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def normed(path: Path) -> Path:
    """Give the network of a recipe batch normalisation, which a bundle holds folded into its convolutions."""
    path.write_text(path.read_text().replace("{widths: [4, 8]}", "{widths: [4, 8], norm: batch}"))
    return path


@pytest.fixture(scope="module")
def seasoned(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    """The bundle of a training that was long enough to learn something."""
    folder = tmp_path_factory.mktemp("seasoned")
    result = train(normed(write_recipe(folder, steps=40)), data=patches, out=folder / "run")
    return result.path / "bundle", result


def test_training_leaves_a_bundle_of_its_best_weights(seasoned: tuple[Path, Trained], patches: Path) -> None:
    from graven.io.bundle import read_bundle, read_check, verify_bundle

    path, result = seasoned
    bundle = read_bundle(path)
    spec = bundle.spec
    assert (spec.name, spec.method, spec.role, spec.network) == ("discs", "petroglyph", "segment", "unet")
    assert spec.network_options == {"widths": [4, 8], "norm": "batch"}
    assert [step.name for step in spec.prepare] == ["reversal"]
    assert read_check(bundle) is not None
    assert verify_bundle(bundle)
    assert f"{result.best_score:.4f}" in bundle.card
    told = json.loads((result.path / "run.json").read_text(encoding="utf-8"))
    assert tuple(told["standardisation"]["mean"]) == spec.normalisation.mean


def test_training_can_begin_with_the_weights_of_a_bundle(
    seasoned: tuple[Path, Trained], patches: Path, tmp_path: Path
) -> None:
    start, before = seasoned
    result = train(normed(write_recipe(tmp_path)), data=patches, out=tmp_path / "run", start=start)
    with (result.path / "validation.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (int(first["step"]), float(first["miou"])) == (0, pytest.approx(before.best_score, abs=0.02))
    assert result.best_score >= float(first["miou"])
    assert result.bundle is not None
    told = json.loads((result.path / "run.json").read_text(encoding="utf-8"))
    assert {"discs", "start"} <= {told["inputs"][-1]["name"], told["inputs"][-1]["role"]}
    other = tmp_path / "other.yaml"
    other.write_text(normed(write_recipe(tmp_path)).read_text().replace("[4, 8]", "[4, 16]"))
    with pytest.raises(MismatchError, match=r"--from discs is a unet with .*\[4, 8\].* but the recipe"):
        train(other, data=patches, out=tmp_path / "none", start=start)
    assert not (tmp_path / "none").exists()
