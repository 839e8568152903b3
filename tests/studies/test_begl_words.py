"""What the page says follows the numbers: the same sentences are never printed for another result."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from graven.metrics import BinaryCounts
from graven.studies.begl_figures import choose_images, figure5, zoom_window
from graven.studies.begl_protocol import CONTENDERS, PUBLISHED, VARIANTS
from graven.studies.begl_scores import PatchScore
from graven.studies.begl_tables import BASELINE, Results, table_csv, table_markdown
from graven.studies.begl_words import ranking, verdict

# Of 100 pixels half are foreground and `wrong` are missed: MIoU falls evenly with `wrong`.
N_IMAGES = 4


def results(wrong: dict[str, list[int]]) -> Results:
    """Make results in which each seed of a loss misses so many pixels on every patch."""
    table = {**CONTENDERS, **VARIANTS}
    scores = {
        key: [
            PatchScore(
                key,
                key in VARIANTS,
                seed,
                "ordinary" if i < 2 else "severe",
                f"p{i}",
                f"p{i}[0,0]",
                True,
                BinaryCounts(tp=50 - n, fp=0, fn=n, tn=50),
                1 - n / 100,
            )
            for seed, n in enumerate(seeds, start=1)
            for i in range(N_IMAGES)
        ]
        for key, seeds in wrong.items()
    }
    return Results(tuple(table[key] for key in wrong if key != BASELINE), scores)


def miou(n: int) -> float:
    return ((50 - n) / 50 + 50 / (50 + n)) / 2


def test_winner_above_all_seeds_of_the_next() -> None:
    found = results({"bce": [10, 11], "begl": [5, 6], BASELINE: [30]})
    assert [entry.key for entry in ranking(found)] == ["begl", "bce"]
    text = " ".join(verdict(found))
    assert "The paper's order is BEGL, Balanced CE: the same." in text
    gap = (miou(5) + miou(6) - miou(10) - miou(11)) / 2
    assert f"BEGL leads Balanced CE by {gap:.3f}; its worst seed ({miou(6):.3f}) is above the best seed" in text
    # Nothing is ever found wrongly, so precision is 1 for both: a tie counts.
    assert "BEGL is first of 2 by MIoU and best in 6 of 6 columns" in text
    assert "every loss does better" in text
    assert "mark nothing" not in text
    assert "Beside the winner" not in text


def test_begl_that_loses_is_said_to_lose() -> None:
    found = results({"dice": [20, 21], "bce": [4, 9], "begl": [5, 10], BASELINE: [15]})
    text = " ".join(verdict(found))
    assert "The paper's order is BEGL, Balanced CE, Dice: another one." in text
    assert "which is within the spread between seeds" in text
    assert "BEGL is number 2 of 3 by MIoU and best in 1 of 6 columns (precision)" in text
    recall = f"recall {np.mean([45, 40]) / 50:.3f} against {np.mean([46, 41]) / 50:.3f}"
    assert f"Beside the winner, Balanced CE, it has precision 1.000 against 1.000, {recall}" in text
    assert "Dice did not do better." in text


def test_runs_that_mark_nothing_are_named() -> None:
    text = " ".join(verdict(results({"dice": [20, 50], "begl": [5, 10], BASELINE: [30]})))
    assert "These runs mark nothing, and their MIoU is that of an empty mask: Dice, seed 2." in text


def test_one_seed_says_nothing_about_certainty() -> None:
    text = " ".join(verdict(results({"bce": [10], "begl": [5], BASELINE: [30]})))
    assert "with one seed nothing can be said" in text
    assert "±" not in text


def test_variant_is_never_ranked_nor_given_a_published_row() -> None:
    found = results({"begl": [10, 10], "begl-l0.01": [1, 1], BASELINE: [30]})
    assert [entry.key for entry in ranking(found)] == ["begl"]
    assert "Variants of ours, not the paper's: BEGL, λ1 = 0.01" in verdict(found)[-1]
    lines = table_markdown(found, reduction="mean over images").splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        "BEGL",
        "",
        "BEGL, λ1 = 0.01 (variant, not the paper's)",
        "CLAHE + Otsu (no learning)",
    ]
    assert sum("published" in line for line in lines) == 1


def test_table_csv_holds_every_set_and_reduction_and_the_published_values() -> None:
    found = results({"bce": [10, 14], "begl": [5, 6], BASELINE: [30]})
    rows = list(csv.DictReader(io.StringIO(table_csv(found))))
    # Three rows of three sets with two reductions, one over all patches each, and five published ones.
    assert len(rows) == 3 * (3 * 2 + 1) + 5
    assert all(row["dsc_mean"] == row["f1_mean"] for row in rows)
    published = {row["loss"]: float(row["miou_mean"]) for row in rows if row["kind"] == "published"}
    assert published == {key: row["miou"] for key, row in PUBLISHED.items()}
    one = next(r for r in rows if r["loss"] == "bce" and r["set"] == "severe" and r["reduction"] == "mean over images")
    assert (one["n_seeds"], one["n_images"], one["patches"]) == ("2", "2", "kept")
    assert float(one["miou_mean"]) == pytest.approx((miou(10) + miou(14)) / 2)
    assert float(one["miou_sd"]) == pytest.approx((miou(10) - miou(14)) / 2**0.5)


def test_shown_patches_are_quantiles_of_miou() -> None:
    scores = [
        PatchScore("begl", False, 1, "test", "p", f"i{n:02d}", True, BinaryCounts(tp=50 - n, fp=0, fn=n, tn=50), 1.0)
        for n in range(11)
    ]
    found = Results((CONTENDERS["begl"],), {"begl": scores, BASELINE: scores})
    assert choose_images(found) == {"i01": "easy", "i05": "median", "i09": "hard"}


def test_zoom_lies_on_the_disagreement_and_not_where_nothing_is_known() -> None:
    one, other = np.zeros((2, 32, 32), bool)
    other[4:12, 20:28] = True
    other[24:32, 0:8] = True
    valid = np.ones((32, 32), bool)
    assert zoom_window([one, other], valid=valid).slices() == (slice(4, 12), slice(20, 28))
    valid[:16] = False
    assert zoom_window([one, other], valid=valid).slices() == (slice(24, 32), slice(0, 8))


def test_box_plot_is_a_picture_that_depends_on_the_scores() -> None:
    a = figure5(results({"bce": [10, 14], "begl": [5, 6], BASELINE: [30]}))
    b = figure5(results({"bce": [10, 14], "begl": [25, 26], BASELINE: [30]}))
    assert a.startswith(b"\x89PNG")
    assert a != b
    assert a == figure5(results({"bce": [10, 14], "begl": [5, 6], BASELINE: [30]}))
