"""The whole study on drawn pages and tiny bronzes: its numbers mean nothing, but every file is real."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from graven.api.monitor import SILENT
from graven.errors import MismatchError, UsageError
from graven.metrics import binary_counts, iou
from graven.metrics.pseudo import pseudo_fmeasure
from graven.refine.strokes_stats import StrokeStatistics
from graven.studies.crack_sets import CrackSet, sides_of, split_digest
from graven.studies.refinement import run_study
from graven.studies.refinement_contenders import EARLY_PFM, MAIN_TRIALS, PARTS, REFINERS, refiners_of, trials_of
from graven.studies.refinement_data import PAGES, bronze_data, page_data
from graven.studies.refinement_networks import Bench
from graven.studies.refinement_objects import object_logits, open_whole, read_maps
from graven.studies.refinement_protocol import PROTOCOLS, first_recipe, refiner_recipe
from graven.studies.refinement_report import RefinementResult
from graven.studies.refinement_scores import read_patches, read_work
from graven.synthetic.testsets import ENGRAVING_TEST_WHOLE, ENGRAVING_VAL

pytest.importorskip("torch")
pytest.importorskip("lightning")

TINY = PROTOCOLS["tiny"]
SIZE = (90, 120)
PART = ("operations",)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CrackSet]:
    """Six pages with curved lines of three widths, every second one faint."""
    folder = tmp_path_factory.mktemp("pages") / "drawn"
    rng = np.random.default_rng(4)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    names = [f"{year}-H{number:02d}" for year in (2009, 2014) for number in (1, 2, 3)]
    for name in names:
        ink, page = np.zeros(SIZE, np.uint8), rng.normal(200, 5, SIZE)
        for k in range(8):
            line = np.zeros(SIZE, np.uint8)
            points = np.stack([rng.integers(0, SIZE[1], 3), rng.integers(0, SIZE[0], 3)], axis=1).astype(np.int32)
            cv2.polylines(line, [points], isClosed=False, color=1, thickness=2 + k % 3)
            ink |= line
            page -= line * (90 if k % 2 else 14)
        cv2.imwrite(str(folder / "images" / f"{name}.png"), np.clip(page, 0, 255).astype(np.uint8))
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), ink * 255)
    counts = {"train": 2, "val": 1, "test": 3, "left out": 0}
    pages = replace(PAGES, val=frozenset({"2009-H03"}), test=frozenset(names[3:]), counts=counts)
    return folder, replace(pages, digest=split_digest(sides_of(pages, names)))


def study(folder: Path, parts: tuple[str, ...], drawn: tuple[Path, CrackSet] | None, **options) -> RefinementResult:
    folder.mkdir(exist_ok=True, parents=True)
    source, pages = (None, PAGES) if drawn is None else drawn
    known = {"protocol": TINY, "n_seeds": 1, "source": source, "pages": pages, "monitor": SILENT, **options}
    return run_study(folder, parts=parts, command="graven reproduce refinement", **known)


def persons(trial: str) -> list[int]:
    """Give the persons who work on each object: two for the figures of the paper, one for all else."""
    return [0, 1] if trial in MAIN_TRIALS else [0]


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


@pytest.fixture(scope="module")
def done(drawn: tuple[Path, CrackSet], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RefinementResult]:
    """One seed, the published network, and three ways to work with it."""
    folder = tmp_path_factory.mktemp("done") / "study"
    return folder, study(folder, PART, drawn)


def bench(folder: Path, drawn: tuple[Path, CrackSet]) -> Bench:
    data = page_data(folder / "data", drawn[0], pages=drawn[1], monitor=SILENT)
    return Bench(folder, 1, TINY, data, data.lessons(), SILENT)


def test_work_begins_with_the_stored_network_and_ends_with_the_stored_masks(
    drawn: tuple[Path, CrackSet], done: tuple[Path, RefinementResult]
) -> None:
    folder, result = done
    place = bench(folder, drawn)
    model, run = place.first("final"), place.place("published")
    for name in sorted(drawn[1].test):
        whole = open_whole(place.data, name, patch_px=TINY.patch_px)
        assert whole.target.shape == (128, 128), "pages are filled up to whole patches"
        assert int(whole.known.sum()) == SIZE[0] * SIZE[1]
        mask = (object_logits(model, whole.image, patch_px=TINY.patch_px) >= 0) & whole.known
        for trial in trials_of(PART):
            worked = read_work(run / "objects" / trial.key / f"{name}.csv")
            assert [work.annotator for work in worked] == persons(trial.key)
            for work in worked:
                start = work.records[0]
                assert start.iou_hints == iou(binary_counts(mask, whole.target, whole.known))
                assert start.pfm_hints == start.pfm_refined == pseudo_fmeasure(mask, whole.target)
            maps = read_maps(run, trial.key, name, shape=whole.target.shape)
            last = worked[0].records[-1]
            assert np.array_equal(maps["initial"], mask)
            assert pseudo_fmeasure(maps["by_hand"], whole.target) == pytest.approx(last.pfm_hints)
            assert pseudo_fmeasure(maps["refined"], whole.target) == pytest.approx(last.pfm_refined)
    assert any(read_work(path)[0].interactions for path in run.glob("objects/*/*.csv")), "nobody drew anything"
    assert result.pfm["initial"] > 0.2


def test_every_person_on_every_object_is_in_the_table(
    drawn: tuple[Path, CrackSet], done: tuple[Path, RefinementResult]
) -> None:
    found = {(row["trial"], row["object"], row["annotator"]) for row in rows_of(done[0] / "objects.csv")}
    assert found == {
        (trial.key, name, str(person))
        for trial in trials_of(PART)
        for name in drawn[1].test
        for person in persons(trial.key)
    }
    patches = rows_of(done[0] / "patches.csv")
    contenders = {"initial", "early", "published", "published+strokes", "blackhat-otsu", "otsu"}
    assert {(row["contender"], row["image"]) for row in patches} == {
        (key, name) for key in contenders for name in drawn[1].test
    }
    by_hand = next(row for row in patches if row["contender"] == "published+strokes")
    alone = next(row for row in patches if row["contender"] == "initial" and row["image"] == by_hand["image"])
    assert by_hand["fn"] != alone["fn"] or by_hand["fp"] != alone["fp"], "no stroke was written in"


def test_early_weights_are_the_nearest_to_the_strength_of_the_paper(done: tuple[Path, RefinementResult]) -> None:
    run = done[0] / "runs" / "initial-s1"
    best, seen = -1.0, []
    for row in rows_of(run / "validation.csv"):
        if float(row["pfm"]) > best:
            best = float(row["pfm"])
            seen.append((abs(best - EARLY_PFM), int(row["step"])))
    facts = json.loads((run / "run.json").read_text())
    assert facts["early_step"] == min(seen)[1]
    assert facts["best_val_pfm"] == pytest.approx(best, abs=1e-6)


def test_finished_runs_are_kept_and_the_report_is_the_same(
    drawn: tuple[Path, CrackSet], done: tuple[Path, RefinementResult], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(done[0], folder)
    before = stamps(folder)
    texts = {name: (folder / name).read_bytes() for name in done[1].files}
    for name in set(texts) - {"protocol.json"}:
        (folder / name).unlink()
    again = study(folder, PART, drawn)
    assert (again.n_done, again.n_found) == (0, 2)
    assert stamps(folder) == before
    assert {name: (folder / name).read_bytes() for name in texts} == texts


def test_work_on_one_object_that_was_lost_is_done_again_alike(
    drawn: tuple[Path, CrackSet], done: tuple[Path, RefinementResult], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(done[0], folder)
    path = folder / "runs" / "published-s1" / "objects" / "published-add" / "2014-H02.csv"
    before = path.read_bytes()
    path.unlink()
    study(folder, PART, drawn)
    assert path.read_bytes() == before


def test_another_budget_other_pages_and_bronzes_do_not_mix(
    drawn: tuple[Path, CrackSet], done: tuple[Path, RefinementResult], tmp_path: Path
) -> None:
    folder, (source, pages) = tmp_path / "study", drawn
    shutil.copytree(done[0], folder)
    shutil.copytree(source, tmp_path / "edited")
    with pytest.raises(MismatchError, match=r"another protocol \(most_strokes\)"):
        study(folder, PART, drawn, protocol=replace(TINY, most_strokes=5))
    path = tmp_path / "edited" / "masks" / "2014-H01.png"
    cv2.imwrite(str(path), np.flipud(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    with pytest.raises(MismatchError, match="made from something else"):
        study(folder, PART, (tmp_path / "edited", pages))
    (tmp_path / "edited" / "images" / "2014-H01.png").unlink()
    path.unlink()
    with pytest.raises(MismatchError, match="for which the split was written"):
        study(tmp_path / "new", PART, (tmp_path / "edited", pages))
    with pytest.raises(MismatchError, match="made from something else"):
        study(folder, PART, None)


def test_page_tells_what_was_done_and_no_path(done: tuple[Path, RefinementResult]) -> None:
    folder, result = done
    pictures = {"operations.png", "figure5.png", "figure5-objects.png", "figure6.png", "workload.png", "maps.png"}
    tables = {"README.md", "runs.csv", "tables.csv", "patches.csv", "objects.csv", "protocol.json"}
    assert set(result.files) == pictures | tables
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert all(line in page for line in result.verdict)
    assert "2 for training, 1 for validation, 3 for the test patch by patch, 3 as whole objects" in page
    assert "Ours" not in page, "what was not done is not told"
    assert "maps.png)" not in page, "pages may not be passed on"
    for name in pictures:
        assert cv2.imread(str(folder / name)).std() > 3, f"{name} is blank"
    for path in [folder / "protocol.json", *folder.glob("*.csv"), *folder.glob("*.md"), *folder.rglob("run.json")]:
        assert str(folder.parent) not in path.read_text(encoding="utf-8"), f"{path.name} holds a path of this machine"


def test_networks_of_a_seed_differ_in_what_they_are_named_for_alone() -> None:
    strokes = StrokeStatistics(4.3, 0.7, 0.45)
    known = {"seed": 1, "prepare": (), "statistics": strokes}
    published = refiner_recipe(TINY, REFINERS["published"], **known)
    for key, refiner in REFINERS.items():
        recipe = refiner_recipe(TINY, refiner, **known)
        assert replace(recipe, name="", hints=published.hints) == replace(published, name=""), key
        assert recipe.hints.statistics == strokes
    changed = {key: refiner_recipe(TINY, REFINERS[key], **known).hints for key in REFINERS}
    assert changed["hints-only"] == replace(published.hints, inputs="hints")
    assert changed["width-sampled"] == replace(published.hints, width="sampled")
    assert changed["order-path"] == replace(published.hints, order="path")
    assert changed["ours"] == replace(published.hints, order="path", most_strokes=3)
    first = first_recipe(TINY, seed=1, prepare=())
    assert first.run.validate_every_steps * TINY.validations == TINY.first.steps
    assert (first.network.options["in_channels"], published.network.options["in_channels"]) == (1, 3)


def test_bronzes_are_the_frozen_ones_and_no_bronze_is_on_two_sides(tmp_path: Path) -> None:
    data = bronze_data(tmp_path, TINY, monitor=SILENT)
    sides = [data.train, data.val, data.test, data.objects]
    names = [entry.name for side in sides for entry in side.entries]
    assert len(set(names)) == len(names) == 3 + 2 + 3 + 1
    assert data.objects.entries[0].name == f"whole-ordinary-{ENGRAVING_TEST_WHOLE[0].seed}"
    assert data.val.entries[0].name == f"ordinary-{ENGRAVING_VAL[0].seed}"
    assert set(data.sets.values()) == {"ordinary", "severe", "unseen"}
    panels = [panel for side in sides for panel in side.open()]
    pixels = np.concatenate([np.asarray(panel.image[0], float).ravel() for panel in panels])
    lines = np.concatenate([np.asarray(panel.target).ravel() > 0 for panel in panels])
    assert pixels[lines].mean() < pixels[~lines].mean() - 5, "grooves must be dark"
    assert 3.5 < data.statistics.mean < 8


def test_ink_is_dark_on_an_even_page(drawn: tuple[Path, CrackSet], tmp_path: Path) -> None:
    data = page_data(tmp_path, drawn[0], pages=drawn[1], monitor=SILENT)
    for panel in data.test.open():
        image, target = np.asarray(panel.image[0], float), np.asarray(panel.target) > 0
        assert image[target].mean() < 90 < 120 < image[~target].mean() < 160
    assert 2 < data.statistics.mean < 5


def test_no_seed_is_refused(drawn: tuple[Path, CrackSet], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--seeds must be at least 1, got 0"):
        study(tmp_path, PART, drawn, n_seeds=0)


@pytest.mark.slow
def test_parts_and_seeds_are_added_to_a_folder(
    drawn: tuple[Path, CrackSet], done: tuple[Path, RefinementResult], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(done[0], folder)
    before = stamps(folder)
    again = study(folder, ("widths",), drawn, n_seeds=2)
    assert (again.n_done, again.n_found) == (2 + 4, 2)
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "## Width of the strokes" in page
    assert "## Operations" in page
    facts = [json.loads(path.read_text()) for path in (folder / "runs").glob("*/run.json")]
    assert len({(f["seed"], f["initial_weights_sha256"]) for f in facts if f["contender"] != "initial"}) == 2
    assert len({(f["seed"], f["data_sha256"]) for f in facts}) == 4, "refiners are told apart by their first network"


@pytest.mark.slow
def test_all_parts_on_bronzes(tmp_path: Path) -> None:
    result = study(tmp_path / "study", PARTS, None)
    folder = tmp_path / "study"
    assert (result.n_done, result.n_collapsed) == (1 + len(refiners_of(PARTS)), 0)
    pictures = {
        *("figure5.png", "figure5-objects.png", "figure6.png", "workload.png", "maps.png"),
        *("strokes.png", "operations.png", "keeping.png"),
    }
    assert pictures <= set(result.files)
    page = (folder / "README.md").read_text(encoding="utf-8")
    for name in pictures:
        assert f"({name})" in page
        assert cv2.imread(str(folder / name)).std() > 3, f"{name} is blank"
    assert result.table in page
    assert set(result.peak) == {trial.key for trial in trials_of(PARTS)}
    scores = read_patches(folder / "runs" / "ours-s1" / "scores.csv")
    assert {score.subset for score in scores} == {"ordinary", "severe", "unseen"}
