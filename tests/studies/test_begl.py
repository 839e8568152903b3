"""The whole study on tiny panels: its numbers mean nothing, but every file is real and every number can be checked."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from graven.api.monitor import SILENT
from graven.errors import Interrupted, MismatchError, UsageError
from graven.studies.begl import run_study
from graven.studies.begl_data import folder_data
from graven.studies.begl_protocol import CONTENDERS, VARIANTS, choose_contenders, choose_protocol
from graven.studies.begl_report import StudyResult
from graven.studies.begl_run import cut_test_panels, read_preds
from graven.studies.begl_scores import read_scores, score_patch
from graven.synthetic.testsets import PETROGLYPH_TEST_ORDINARY, PETROGLYPH_TEST_SEVERE

pytest.importorskip("torch")
pytest.importorskip("lightning")

TABLES = ("results.csv", "baseline.csv", "table1.csv", "table1.md")
PICTURES = ("figure5.png", "figure6.png", "figure7.png", "curves.png")


def study(folder: Path, *, losses: tuple[str, ...] | None = None, n_seeds: int = 1, **options: Any) -> StudyResult:
    folder.mkdir(exist_ok=True)
    variants = options.pop("variants", ())
    return run_study(
        folder,
        protocol=choose_protocol("tiny", epochs=options.pop("epochs", 1)),
        contenders=choose_contenders(losses, variants),
        n_seeds=n_seeds,
        command="graven reproduce begl",
        monitor=SILENT,
        **options,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of every file of the finished runs."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted((folder / "runs").rglob("*"))
        if path.is_file()
    }


def write_pairs(folder: Path, *, n: int = 8, invert: bool = False) -> Path:
    """Write bright discs on dark noise, and their masks, true or inverted."""
    rng = np.random.default_rng(5)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    row, col = np.mgrid[:64, :64]
    for index in range(n):
        centre, radius = rng.integers(16, 48, 2), rng.integers(8, 14)
        disc = (row - centre[0]) ** 2 + (col - centre[1]) ** 2 < radius**2
        image = np.clip(rng.normal(60, 12, (64, 64)) + 110 * disc, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"photo{index}.png"), np.repeat(image[..., None], 3, axis=2))
        cv2.imwrite(str(folder / "masks" / f"photo{index}.png"), np.where(disc ^ invert, 255, 0).astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyResult]:
    """All five losses with two seeds on procedural panels of 96 px."""
    folder = tmp_path_factory.mktemp("study") / "begl"
    return folder, study(folder, n_seeds=2)


@pytest.fixture(scope="module")
def on_pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One loss on labelled images: their folder, and that of the study."""
    folder = tmp_path_factory.mktemp("pairs")
    study(folder / "begl", losses=("bce",), source=write_pairs(folder / "data"), epochs=2)
    return folder / "data", folder / "begl"


def test_one_row_per_loss_seed_and_patch(done: tuple[Path, StudyResult]) -> None:
    folder, _ = done
    rows = rows_of(folder / "results.csv")
    images = {row["image"] for row in rows}
    # Panels of 96 px hold 3 x 3 patches of 32 px; the protocol takes three ordinary and two severe panels.
    assert len(images) == 5 * 9
    assert len(rows) == 5 * 2 * len(images)
    assert {(row["loss"], row["seed"], row["image"]) for row in rows} == {
        (loss, seed, image) for loss in CONTENDERS for seed in "12" for image in images
    }
    panels = {(row["panel"], row["set"]) for row in rows}
    specs = (*PETROGLYPH_TEST_ORDINARY[:3], *PETROGLYPH_TEST_SEVERE[:2])
    assert panels == {(f"{spec.degradation}-{spec.seed}", spec.degradation) for spec in specs}


def test_dsc_is_f1_in_every_row_and_table(done: tuple[Path, StudyResult]) -> None:
    folder, _ = done
    assert all(row["dsc"] == row["f1"] for row in rows_of(folder / "results.csv"))
    table = rows_of(folder / "table1.csv")
    assert {row["kind"] for row in table} == {"measured", "baseline", "published"}
    assert all(row["dsc_mean"] == row["f1_mean"] for row in table)


def test_table_follows_from_the_rows(done: tuple[Path, StudyResult]) -> None:
    folder, result = done
    rows = [row for row in rows_of(folder / "results.csv") if row["kept"] == "1" and row["loss"] == "dice"]
    by_seed = [np.mean([float(row["miou"]) for row in rows if row["seed"] == seed]) for seed in "12"]
    assert result.miou["dice"] == pytest.approx(np.mean(by_seed), abs=1e-12)
    assert f"{np.mean(by_seed):.3f} ± {np.std(by_seed, ddof=1):.3f}" in result.table


def test_scores_follow_from_the_stored_masks_and_the_truth(on_pairs: tuple[Path, Path]) -> None:
    source, folder = on_pairs
    data = folder_data(folder / "data", source, group_by=None, monitor=SILENT)
    run = folder / "runs" / "bce-s1"
    patches = [(entry.group, patch) for entry, found in cut_test_panels(data, patch_px=32) for patch in found]
    again = [
        score_patch(
            preds,
            patch.target > 0,
            patch.valid,
            loss="bce",
            variant=False,
            seed=1,
            subset="test",
            panel=panel,
            image=patch.origin,
        )
        for preds, (panel, patch) in zip(read_preds(run), patches, strict=True)
    ]
    assert again == read_scores(run / "scores.csv")


def test_stored_weights_give_the_stored_masks(on_pairs: tuple[Path, Path]) -> None:
    from graven.train.checkpoint import load_tensors
    from graven.train.recipe import read_recipe
    from graven.train.run import build_model
    from graven.train.validate import predict_samples

    source, folder = on_pairs
    data = folder_data(folder / "data", source, group_by=None, monitor=SILENT)
    run = folder / "runs" / "bce-s1"
    facts = json.loads((folder / "protocol.json").read_text())["standardisation"]
    model = build_model(read_recipe(run / "recipe.yaml"), mean=facts["mean"], std=facts["std"])
    model.load_state_dict(load_tensors(run / "best.safetensors")[0])
    patches = [patch for _, found in cut_test_panels(data, patch_px=32) for patch in found]
    assert np.array_equal(predict_samples(model, patches, batch_size=4)[:, 0] >= 0.5, read_preds(run))


def test_one_seed_is_one_start_and_one_order_for_all_losses(done: tuple[Path, StudyResult]) -> None:
    folder, _ = done
    runs = rows_of(folder / "runs.csv")
    for column in ("initial_weights_sha256", "crops_sha256"):
        by_seed = {seed: {run[column] for run in runs if run["seed"] == seed} for seed in "12"}
        assert all(len(found) == 1 for found in by_seed.values()), column
        assert by_seed["1"] != by_seed["2"], column
    assert len({run["last_weights_sha256"] for run in runs}) == 10, "two runs ended alike although they differ"
    assert {run["steps"] for run in runs} == {"4"}


def test_hashes_are_those_of_what_the_loop_is_given(
    done: tuple[Path, StudyResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graven.train import run as training
    from graven.train.checkpoint import tensor_hash
    from graven.train.loader import batches
    from graven.train.sampler import BalancedSampler

    def look_and_leave(recipe, model, task, source, *rest, **options):
        data = recipe.data
        sampler = BalancedSampler(source.groups, data.items_per_epoch, data.batch_size, recipe.run.seed)
        batch = next(iter(batches(source, sampler, first_step=0, n_threads=1)))[2]
        seen.append((tensor_hash(model.state_dict()), batch.image.numpy().tobytes(), batch.origins))
        raise Interrupted("seen enough")

    seen: list[tuple[str, bytes, tuple[str, ...]]] = []
    monkeypatch.setattr(training, "fit", look_and_leave)
    shutil.copytree(done[0] / "data", tmp_path / "data")
    for loss in ("bce", "dice"):
        with pytest.raises(Interrupted):
            study(tmp_path, losses=(loss,))
    assert seen[0] == seen[1]
    assert seen[0][0] == rows_of(done[0] / "runs.csv")[0]["initial_weights_sha256"]


def test_pictures_and_page_are_there_and_small(done: tuple[Path, StudyResult]) -> None:
    folder, result = done
    assert set(result.files) == {*TABLES, *PICTURES, "runs.csv", "README.md", "protocol.json"}
    for name in PICTURES:
        picture = cv2.imread(str(folder / name))
        assert picture is not None
        assert picture.std() > 5, f"{name} is blank"
        assert (folder / name).stat().st_size < 300_000
    page = (folder / "README.md").read_text()
    assert result.table in page
    assert all(line in page for line in result.verdict)
    assert all(f"({name})" in page for name in PICTURES)


def test_protocol_names_seeds_versions_and_no_path(done: tuple[Path, StudyResult]) -> None:
    folder, _ = done
    text = (folder / "protocol.json").read_text()
    facts = json.loads(text)
    assert facts["seeds"] == [1, 2]
    assert [entry["key"] for entry in facts["losses"]] == list(CONTENDERS)
    assert facts["data"]["seeds"]["test"][-1] == [PETROGLYPH_TEST_SEVERE[1].seed, "severe"]
    assert set(facts["versions"]) >= {"graven", "python", "numpy", "torch"}
    for path in [folder / "protocol.json", *folder.glob("*.csv"), *folder.glob("*.md"), *folder.rglob("run.json")]:
        assert str(folder.parent) not in path.read_text(), f"{path.name} holds a path of this machine"


def test_finished_runs_are_kept_and_the_report_is_the_same(done: tuple[Path, StudyResult], tmp_path: Path) -> None:
    folder = tmp_path / "begl"
    shutil.copytree(done[0], folder)
    before, tables = stamps(folder), {name: (folder / name).read_bytes() for name in (*TABLES, *PICTURES, "README.md")}
    for name in tables:
        (folder / name).unlink()
    again = study(folder, n_seeds=2)
    assert (again.n_done, again.n_found) == (0, 10)
    assert stamps(folder) == before
    assert {name: (folder / name).read_bytes() for name in tables} == tables


@pytest.mark.slow
def test_a_variant_can_be_added(on_pairs: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "begl"
    shutil.copytree(on_pairs[1], folder)
    before = stamps(folder)
    again = study(folder, losses=("bce",), variants=("begl-l0.01",), source=on_pairs[0], epochs=2)
    assert (again.n_done, again.n_found) == (1, 1)
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    rows = rows_of(folder / "results.csv")
    assert {(row["loss"], row["variant"]) for row in rows} == {("bce", "0"), ("begl-l0.01", "1")}
    assert VARIANTS["begl-l0.01"].label + " (variant, not the paper's)" in again.table


@pytest.mark.slow
def test_same_study_gives_the_same_bytes(on_pairs: tuple[Path, Path], tmp_path: Path) -> None:
    study(tmp_path / "begl", losses=("bce",), source=on_pairs[0], epochs=2)
    for name in (*TABLES, *PICTURES, "README.md", "protocol.json"):
        assert (tmp_path / "begl" / name).read_bytes() == (on_pairs[1] / name).read_bytes(), name


def test_inverted_labels_change_the_numbers(on_pairs: tuple[Path, Path], tmp_path: Path) -> None:
    source = write_pairs(tmp_path / "data", invert=True)
    study(tmp_path / "begl", losses=("bce",), source=source, epochs=2)
    (right,), (wrong,) = (
        [row for row in rows_of(folder / "table1.csv") if row["kind"] == "baseline" and row["patches"] == "all"]
        for folder in (on_pairs[1], tmp_path / "begl")
    )
    # What was foreground is background: accuracy of the baseline turns into its complement, whatever was trained.
    assert float(right["accuracy_mean"]) == pytest.approx(1 - float(wrong["accuracy_mean"]), abs=1e-12)
    assert float(right["f1_mean"]) > 0.8 > float(wrong["f1_mean"])
    shares = [
        np.mean([float(row["truth_share"]) for row in rows_of(folder / "results.csv")])
        for folder in (on_pairs[1], tmp_path / "begl")
    ]
    assert shares[0] == pytest.approx(1 - shares[1], abs=1e-12)
    assert (on_pairs[1] / "results.csv").read_bytes() != (tmp_path / "begl" / "results.csv").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"epochs": 3}, r"another protocol \(epochs\)"), ({"source": None}, "made from something else")],
)
def test_another_protocol_or_other_data_do_not_mix(
    on_pairs: tuple[Path, Path], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "begl"
    shutil.copytree(on_pairs[1], folder)
    with pytest.raises(MismatchError, match=message):
        study(folder, losses=("bce",), **{"source": on_pairs[0], "epochs": 2, **change})


def test_edited_mask_does_not_mix_with_finished_runs(on_pairs: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(on_pairs[0], tmp_path / "data")
    shutil.copytree(on_pairs[1], tmp_path / "begl")
    path = tmp_path / "data" / "masks" / "photo0.png"
    cv2.imwrite(str(path), np.flipud(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    with pytest.raises(MismatchError, match="made from something else"):
        study(tmp_path / "begl", losses=("bce",), source=tmp_path / "data", epochs=2)


def test_a_loss_that_becomes_no_number_is_reported_and_the_others_go_on(
    on_pairs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import nn

    from graven.train import run as training

    class NoNumber(nn.Module):
        def forward(self, logits, *_):
            return logits.sum() * float("nan")

    real = training.build_task

    def broken(recipe, **options):
        task = real(recipe, **options)
        if recipe.loss.name == "dice":
            return type(task)(NoNumber())
        return task

    monkeypatch.setattr(training, "build_task", broken)
    result = study(tmp_path / "begl", losses=("dice", "bce"), source=on_pairs[0])
    assert result.n_collapsed == 1
    assert set(result.miou) == {"bce", "clahe-otsu"}
    page = (tmp_path / "begl" / "README.md").read_text()
    assert "Dice, seed 1: the loss became nan at step 0" in page


def test_a_study_without_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--seeds must be at least 1, got 0"):
        study(tmp_path / "begl", n_seeds=0)
