"""What the first network sees: which bands, how they are measured, and what the page says of the results."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from graven.api.monitor import SILENT
from graven.errors import DataError, UsageError
from graven.io.geotiff import write_float_cog
from graven.metrics import BinaryCounts, MatchCounts
from graven.prepare.detrend import highpass
from graven.studies.refinement_contenders import MODALITIES, MODALITY_PART, choose_parts
from graven.studies.refinement_data import is_prepared, surface_data
from graven.studies.refinement_modality_words import modalities_section, modalities_table, modalities_words
from graven.studies.refinement_protocol import PROTOCOLS
from graven.studies.refinement_scores import PatchScore, read_patches
from graven.studies.refinement_summary import Results
from graven.synthetic.engraving import make_bronze
from graven.synthetic.surface import surface_normals
from graven.types import PixelSize, Window

pytest.importorskip("torch")
pytest.importorskip("lightning")

TINY = PROTOCOLS["tiny"]


def test_all_combinations_are_there_once_with_their_bands() -> None:
    bands = {key: entry.bands for key, entry in MODALITIES.items()}
    assert bands == {
        "sees-height": [0],
        "sees-normals": [1, 2, 3],
        "sees-albedo": [4],
        "sees-height-normals": [0, 1, 2, 3],
        "sees-height-albedo": [0, 4],
        "sees-normals-albedo": [1, 2, 3, 4],
        "sees-height-normals-albedo": [0, 1, 2, 3, 4],
    }
    assert MODALITIES["sees-height-albedo"].label == "Height + albedo"


def test_the_part_is_done_only_where_it_is_named() -> None:
    assert MODALITY_PART not in choose_parts(None)
    assert choose_parts((MODALITY_PART, "inputs")) == ("inputs", MODALITY_PART)


@pytest.mark.slow
def test_layers_are_measured_from_photographs() -> None:
    from graven.studies.refinement_modalities import stereo_surface

    panel = make_bronze(4, size_px=128)
    layers = stereo_surface(panel)
    assert layers.shape == (5, 128, 128)
    known = panel.object_mask & np.isfinite(layers).all(axis=0)
    assert known.sum() > 0.95 * panel.object_mask.sum()
    truth = surface_normals(panel.surface.height_mm, panel.surface.pixel_size_mm)
    angles = np.degrees(np.arccos(np.clip((layers[1:4] * truth).sum(axis=0), -1, 1)))
    assert np.median(angles[known]) < 3
    found, true = (
        highpass(height, pixel_size_mm=panel.surface.pixel_size_mm, valid=known)[known]
        for height in (layers[0], panel.surface.height_mm)
    )
    assert np.corrcoef(found, true)[0, 1] > 0.9


def scores(key: str, hits: int) -> list[PatchScore]:
    """Score eight panels: of 100 line pixels so many are found, one more on each further panel, and nothing else."""
    return [
        PatchScore(
            key,
            1,
            "ordinary" if k < 4 else "severe",
            f"p{k}",
            BinaryCounts(tp=hits + k, fp=0, fn=100 - hits - k, tn=900),
            MatchCounts(hits + k, hits + k, hits + k, 100),
        )
        for k in range(8)
    ]


def results(hits: dict[str, int]) -> Results:
    return Results("bronzes", {key: scores(key, n) for key, n in hits.items()}, {}, {})


def test_the_sentences_follow_the_numbers() -> None:
    best, other = modalities_words(results({"sees-height": 60, "sees-normals": 40}))
    assert "by pFM: height 0.777, normals 0.606" in best
    assert best.endswith("On mirrors the height alone was best; here as well.")
    assert other.startswith("Panel by panel, the height alone")
    worse = modalities_words(results({"sees-height": 40, "sees-height-normals-albedo": 60}))
    assert worse[0].endswith("was best; here height + normals + albedo is.")
    assert modalities_words(results({"sees-height": 40})) == []
    assert modalities_section(results({"sees-normals": 40})) == []


def test_the_table_has_a_row_for_each_and_a_column_for_each_set() -> None:
    table = modalities_table(results({"sees-height": 60, "sees-height-albedo": 40})).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    assert cells[0] == ["Sees", "Bands", "IoU", "pFM", "pFM, ordinary", "pFM, severe"]
    # 60 to 63, and 64 to 67 of 100 pixels: the mean recall r gives 2 r / (1 + r)
    assert cells[2] == ["Height", "1", "0.635", "0.777", f"{2 * 0.615 / 1.615:.3f}", f"{2 * 0.655 / 1.655:.3f}"]
    assert cells[3][:2] == ["Height + albedo", "2"]


def test_pages_have_no_layers(tmp_path: Path) -> None:
    from graven.studies.refinement import run_study

    known = {"protocol": TINY, "n_seeds": 1, "command": "graven reproduce refinement", "monitor": SILENT}
    with pytest.raises(UsageError, match="photographs procedural bronzes under lights; leave --data out"):
        run_study(tmp_path, parts=(MODALITY_PART,), source=tmp_path, **known)


def write_surface(folder: Path, side: str, name: str, *, size_mm: float) -> None:
    """Leave a plate with a groove, as graven prepare --as mirrors does."""
    drawn = cv2.line(np.zeros((160, 120), np.uint8), (10, 20 + ord(name) % 40), (100, 130), 255, 9)
    height = np.random.default_rng(ord(name)).normal(0, 0.002, drawn.shape) - 0.05 * (drawn > 0)
    for part in ("images", "masks"):
        (folder / side / part).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / side / "masks" / f"{name}.png"), drawn)
    write_float_cog(
        folder / side / "images" / f"{name}_height.tif",
        [(Window(0, 0, *drawn.shape), height.astype(np.float32))],
        height=drawn.shape[0],
        width=drawn.shape[1],
        names=("height",),
        pixel_size=PixelSize(size_mm, size_mm, "user"),
    )


def test_prepared_surfaces_are_studied_on_the_grid_of_the_bronzes(tmp_path: Path) -> None:
    sides = {"train": "ab", "val": "c", "test": "d"}
    rows = ["name,group,split"]
    for side, names in sides.items():
        for name in names:
            write_surface(tmp_path / "mirrors", side, name, size_mm=0.025)
            rows.append(f"{name},{name},{side}")
    (tmp_path / "mirrors" / "surfaces.csv").write_text("\n".join(rows) + "\n")
    assert is_prepared(tmp_path / "mirrors")
    data = surface_data(tmp_path / "data", tmp_path / "mirrors", monitor=SILENT)
    assert (data.kind, data.sets, data.objects) == ("surfaces", {"d": "test"}, data.test)
    (panel,) = data.test.open()
    assert panel.image.shape == (1, 80, 60)
    groove = np.asarray(panel.target) > 0
    assert panel.image[0][groove].mean() < 80 < panel.image[0][~groove].mean()
    # nine pixels wide at full size, as the strokes are measured
    assert data.statistics.shape * data.statistics.scale + data.statistics.loc == pytest.approx(5, abs=1)
    shutil.rmtree(tmp_path / "mirrors" / "test")
    with pytest.raises(DataError, match="mirrors has no surface in test"):
        surface_data(tmp_path / "again", tmp_path / "mirrors", monitor=SILENT)


@pytest.mark.slow
def test_every_combination_is_trained_and_judged_on_the_same_panels(tmp_path: Path) -> None:
    from graven.studies.refinement import run_study

    known = {"protocol": TINY, "n_seeds": 1, "command": "graven reproduce refinement", "monitor": SILENT}
    done = run_study(tmp_path, parts=(MODALITY_PART,), **known)
    assert done.n_done == len(MODALITIES)
    assert set(MODALITIES) <= set(done.pfm)
    judged = {key: read_patches(tmp_path / "runs" / f"{key}-s1" / "scores.csv") for key in MODALITIES}
    assert {len(found) for found in judged.values()} == {3}
    assert len({tuple(score.image for score in found) for found in judged.values()}) == 1
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "## What the first network sees" in page
    assert "Height + normals + albedo" in page
    again = run_study(tmp_path, parts=(MODALITY_PART,), **known)
    assert (again.n_done, again.n_found) == (0, len(MODALITIES))
