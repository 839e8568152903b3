"""The whole study on tiny paintings and drawn cracks: its numbers mean nothing, but every file is real."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from graven.api.monitor import SILENT
from graven.errors import MismatchError, UsageError
from graven.studies import crack_sets as sets_module
from graven.studies.crack_sets import CrackSet, split_digest
from graven.studies.craquelure import run_study
from graven.studies.craquelure_contenders import Contender
from graven.studies.craquelure_data import LEAKY, leaky_data, painting_data, training_specs
from graven.studies.craquelure_judge import best_threshold, predict_panel, read_crack_masks
from graven.studies.craquelure_protocol import PROTOCOLS, TINY, painting_recipe
from graven.studies.craquelure_report import CraquelureResult
from graven.studies.craquelure_scores import read_cracks, read_paintings, score_cracks
from graven.synthetic.testsets import CONDITION_TEST_ORDINARY, CONDITION_TEST_SEVERE, CONDITION_TEST_UNSEEN
from graven.train.panels import Panel

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("timm")

TINY_STUDY = replace(PROTOCOLS["tiny"], cracks={"drawn": TINY})
SIZE = (40, 56)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CrackSet, Path]]:
    """Six photographs in two pieces each, with dark lines, and a folder of bars that are no cracks."""
    folder = tmp_path_factory.mktemp("sets") / "drawn"
    rng = np.random.default_rng(3)
    for part in ("images", "masks", "bars"):
        (folder / part).mkdir(parents=True)
    for photo in "abcdef":
        for piece in range(2):
            line, bar = np.zeros((2, *SIZE), np.uint8)
            cv2.line(line, (0, int(rng.integers(SIZE[0]))), (SIZE[1], int(rng.integers(SIZE[0]))), 255, 2)
            bar[:, -4:] = 255
            image = np.clip(rng.normal(150, 8, SIZE) - 90 * (line > 0), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "images" / f"{photo}_{piece}.png"), np.repeat(image[..., None], 3, axis=2))
            cv2.imwrite(str(folder / "masks" / f"{photo}_{piece}.png"), line)
            cv2.imwrite(str(folder / "bars" / f"{photo}_{piece}.png"), bar)
    counts = {"train": 6, "val": 2, "test": 4, "left out": 0}
    bare = CrackSet(
        "drawn", "Drawn", "([a-f])_", frozenset("d"), frozenset("ef"), 64, counts, "", goal=0.9, distractor="bars"
    )
    sides = sets_module.sides_of(bare, [f"{photo}_{piece}" for photo in "abcdef" for piece in range(2)])
    crack_set = replace(bare, digest=split_digest(sides))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sets_module.CRACK_SETS, "drawn", crack_set)
        yield crack_set, folder


def study(folder: Path, parts: tuple[str, ...], *, n_seeds: int = 1, **options: Any) -> CraquelureResult:
    folder.mkdir(exist_ok=True, parents=True)
    return run_study(
        folder,
        protocol=options.pop("protocol", TINY_STUDY),
        parts=parts,
        n_seeds=n_seeds,
        command="graven reproduce craquelure",
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


@pytest.fixture(scope="module")
def cracks_done(
    drawn: tuple[CrackSet, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, CraquelureResult]:
    """One seed on the drawn set."""
    crack_set, source = drawn
    folder = tmp_path_factory.mktemp("cracks") / "study"
    return folder, study(folder, ("cracks",), crack_sets=(crack_set,), source=source.parent)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CraquelureResult]:
    """Losses, λ and networks on paintings of 128 px."""
    folder = tmp_path_factory.mktemp("paintings") / "study"
    return folder, study(folder, ("losses", "lambda", "networks"))


def test_threshold_comes_from_the_validation_part_and_scores_from_the_stored_masks(
    drawn: tuple[CrackSet, Path], cracks_done: tuple[Path, CraquelureResult]
) -> None:
    from graven.train.checkpoint import load_tensors
    from graven.train.panels import read_store
    from graven.train.recipe import read_recipe
    from graven.train.run import build_model

    folder, result = cracks_done
    run = folder / "runs" / "drawn-s1"
    test, val, train = (read_store(folder / "data" / "drawn" / side) for side in ("test", "val", "train"))
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    from graven.train.panels import band_statistics

    mean, std = band_statistics(train.open())
    model = build_model(read_recipe(run / "recipe.yaml"), mean=mean, std=std)
    model.load_state_dict(load_tensors(run / "best.safetensors")[0])
    held_out = [predict_panel(model, panel, tile_px=64)[0] for panel in val.open()]
    threshold, f1 = best_threshold(held_out, [np.asarray(panel.target) > 0 for panel in val.open()])
    assert (facts["threshold"], facts["val_f1_2px"]) == (threshold, f1)
    masks = read_crack_masks(run, {entry.name: SIZE for entry in test.entries})
    bar = np.zeros(SIZE, bool)
    bar[:, -4:] = True
    again = []
    for panel in test.open():
        assert np.array_equal(masks[panel.name], predict_panel(model, panel, tile_px=64)[0] >= threshold)
        where = {"contender": "res_unet", "seed": 1, "subset": "drawn", "photograph": panel.group, "image": panel.name}
        again.append(score_cracks(masks[panel.name], np.asarray(panel.target) > 0, bar, **where))
    assert again == read_cracks(run / "scores.csv")
    assert {score.photograph for score in again} == {"e", "f"}
    pooled = sum((score.near for score in again[1:]), again[0].near)
    assert result.f1_2px == {"drawn": pooled.f1}


def test_cracks_alone_make_a_page_of_cracks(cracks_done: tuple[Path, CraquelureResult]) -> None:
    folder, result = cracks_done
    assert set(result.files) == {"README.md", "runs.csv", "tables.csv", "cracks.csv", "drawn.png", "protocol.json"}
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert result.table in page
    assert "6 for training, 2 for validation, 4 for the test, of 3, 1 and 2 photographs" in page
    assert "Table 2" not in page
    assert {row["contender"] for row in rows_of(folder / "cracks.csv")} == {"res_unet", "blackhat-otsu"}
    assert cv2.imread(str(folder / "drawn.png")).std() > 5


def test_finished_runs_are_kept_and_the_report_is_the_same(
    drawn: tuple[CrackSet, Path], cracks_done: tuple[Path, CraquelureResult], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(cracks_done[0], folder)
    before = stamps(folder)
    texts = {name: (folder / name).read_bytes() for name in cracks_done[1].files}
    for name in set(texts) - {"protocol.json"}:
        (folder / name).unlink()
    again = study(folder, ("cracks",), crack_sets=drawn[:1], source=drawn[1].parent)
    assert (again.n_done, again.n_found) == (0, 1)
    assert stamps(folder) == before
    assert {name: (folder / name).read_bytes() for name in texts} == texts


def test_an_edited_mask_and_another_budget_do_not_mix(
    drawn: tuple[CrackSet, Path], cracks_done: tuple[Path, CraquelureResult], tmp_path: Path
) -> None:
    crack_set, source = drawn
    shutil.copytree(cracks_done[0], tmp_path / "study")
    shutil.copytree(source, tmp_path / "drawn")
    longer = replace(TINY_STUDY, cracks={"drawn": replace(TINY, epochs=3)})
    with pytest.raises(MismatchError, match=r"another protocol \(cracks\)"):
        study(tmp_path / "study", ("cracks",), crack_sets=(crack_set,), source=source.parent, protocol=longer)
    path = tmp_path / "drawn" / "masks" / "e_0.png"
    cv2.imwrite(str(path), np.flipud(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))
    with pytest.raises(MismatchError, match="made from something else"):
        study(tmp_path / "study", ("cracks",), crack_sets=(crack_set,), source=tmp_path)


def test_cracks_in_a_folder_need_their_data_again(cracks_done: tuple[Path, CraquelureResult], tmp_path: Path) -> None:
    shutil.copytree(cracks_done[0], tmp_path / "study")
    with pytest.raises(UsageError, match="runs on Drawn need --data"):
        study(tmp_path / "study", ("losses",))


@pytest.mark.slow
def test_each_run_is_trained_once_and_every_painting_is_judged(whole: tuple[Path, CraquelureResult]) -> None:
    folder, result = whole
    assert (result.n_done, result.n_collapsed) == (11, 0)
    rows = rows_of(folder / "paintings.csv")
    specs = {"ordinary": CONDITION_TEST_ORDINARY[:2], "severe": CONDITION_TEST_SEVERE[:1]}
    specs["unseen"] = CONDITION_TEST_UNSEEN[:1]
    tests = {(subset, f"{spec.degradation}-{spec.seed}") for subset, found in specs.items() for spec in found}
    contenders = {row["contender"] for row in rows}
    assert len(contenders) == 12
    assert {(row["contender"], row["set"], row["image"]) for row in rows} == {
        (c, *test) for c in contenders for test in tests
    }
    # A painting has one number of known pixels, whoever looks at it.
    cells = [f"n_{i}{j}" for i in range(3) for j in range(3)]
    known = {(row["image"], sum(int(row[cell]) for cell in cells)) for row in rows}
    assert len(known) == len(tests)


@pytest.mark.slow
def test_runs_of_one_network_start_alike_and_see_the_same_crops(whole: tuple[Path, CraquelureResult]) -> None:
    runs = {row["contender"]: row for row in rows_of(whole[0] / "runs.csv")}
    assert len({row["crops_sha256"] for row in runs.values()}) == 1
    starts = {key: row["initial_weights_sha256"] for key, row in runs.items()}
    assert len({value for key, value in starts.items() if key not in ("unet", "mcdm")}) == 1
    assert len({row["last_weights_sha256"] for row in runs.values()}) == 11


@pytest.mark.slow
def test_page_figures_and_protocol_of_paintings(whole: tuple[Path, CraquelureResult]) -> None:
    folder, result = whole
    pictures = {"figure2.png", "figure5.png", "figure6.png", "figure9.png", "curves.png"}
    assert pictures | {"README.md", "paintings.csv", "tables.csv", "runs.csv", "protocol.json"} == set(result.files)
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert result.table in page
    assert all(line in page for line in result.verdict)
    for name in pictures:
        assert f"({name})" in page
        assert cv2.imread(str(folder / name)).std() > 5, f"{name} is blank"
    facts = json.loads((folder / "protocol.json").read_text(encoding="utf-8"))
    assert facts["data"]["paintings"]["seeds"]["test"][0] == [CONDITION_TEST_ORDINARY[0].seed, "ordinary"]
    for path in [folder / "protocol.json", *folder.glob("*.csv"), *folder.glob("*.md"), *folder.rglob("run.json")]:
        assert str(folder.parent) not in path.read_text(encoding="utf-8"), f"{path.name} holds a path of this machine"
    assert [row["contender"] for row in rows_of(folder / "speed.csv")] == ["mixed1", "unet", "mcdm"]


@pytest.mark.slow
def test_parts_and_seeds_are_added_to_a_folder(
    drawn: tuple[CrackSet, Path], whole: tuple[Path, CraquelureResult], tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(whole[0], folder)
    before = stamps(folder)
    again = study(folder, ("cracks",), crack_sets=drawn[:1], source=drawn[1].parent)
    assert (again.n_done, again.n_found) == (1, 11)
    after = stamps(folder)
    assert {name: after[name] for name in before} == before
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "## Table 2" in page
    assert "## Photographed cracks" in page


@pytest.mark.slow
def test_leak_is_repeated_where_it_is_asked_for_and_never_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    leaky = study(folder, ("losses",), paper_split=True)
    assert "so all scores on paintings are too good" in leaky.verdict[0]
    assert "measured (leaky split)" in leaky.table
    assert {row["set"] for row in rows_of(folder / "paintings.csv")} == {LEAKY}
    with pytest.raises(MismatchError):
        study(folder, ("losses",))


def test_leaky_variants_of_one_painting_are_on_both_sides_and_honest_paintings_are_not(tmp_path: Path) -> None:
    protocol = replace(TINY_STUDY, n_train=5, n_variants=4)
    leaky = leaky_data(tmp_path / "leaky", protocol, monitor=SILENT)
    sources = {
        side: {entry.name.rpartition("-v")[0] for entry in getattr(leaky, side).entries} for side in ("train", "test")
    }
    assert sources["train"] & sources["test"]
    assert leaky.origin["leaky"]
    assert leaky.facts()["panels"] == {"train": 17, "val": 1, "test": 2}
    honest = painting_data(tmp_path / "honest", TINY_STUDY, monitor=SILENT)
    names = [{entry.name for entry in getattr(honest, side).entries} for side in ("train", "val", "test")]
    assert len(set.union(*names)) == sum(map(len, names))
    assert names[0] == {f"{spec.degradation}-{spec.seed}" for spec in training_specs(3)}
    # What lies under a thin crack is known to nobody, and counts nowhere.
    from graven.synthetic.painting import UNKNOWN, make_painting

    panel = honest.train.open()[0]
    truth = make_painting(training_specs(1)[0].seed, size_px=128)
    assert np.array_equal(np.asarray(panel.target), np.where(truth.classes == UNKNOWN, 0, truth.classes))
    known = np.ones((128, 128), bool) if panel.valid is None else np.asarray(panel.valid, bool)
    assert np.array_equal(known, truth.classes != UNKNOWN)


def test_tiles_give_each_pixel_its_own_probability() -> None:
    import torch
    from torch import nn

    from graven.train.task import Standardised

    class Red(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            return torch.cat([torch.zeros_like(x[:, :1]), x[:, :1]], dim=1)

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, 50, 70), dtype=np.uint8)
    known = np.zeros((50, 70), bool)
    known[:5] = True  # tiles in which nothing is known are predicted all the same
    panel = Panel("p", "p", image, np.zeros((50, 70), np.uint8), known)
    model = Standardised(Red(), mean=(0, 0, 0), std=(255, 255, 255), is_exclusive=True)
    red = image[0] / np.float32(255)
    expected = 1 / (1 + np.exp(-red))
    assert np.allclose(predict_panel(model, panel, tile_px=32)[0], expected, atol=1e-6)


def test_every_contender_of_a_tiny_study_has_the_same_budget() -> None:
    recipes = [painting_recipe(TINY_STUDY, Contender("a", "A", network=name), seed=1) for name in ("unet", "res_unet")]
    assert recipes[0].data == recipes[1].data
    assert recipes[0].run == recipes[1].run


@pytest.mark.slow
def test_scores_follow_from_the_rows(whole: tuple[Path, CraquelureResult]) -> None:
    folder, result = whole
    scores = read_paintings(folder / "runs" / "dice-s1" / "scores.csv")
    matrix = np.sum([score.matrix for score in scores], axis=0)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - np.diagonal(matrix)
    assert result.miou["dice"] == pytest.approx(np.mean(np.diagonal(matrix) / union))
