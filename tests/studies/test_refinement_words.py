"""What the page says follows the numbers: the same sentences are never printed for another result."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from graven.errors import DataError, UsageError
from graven.metrics import BinaryCounts, MatchCounts
from graven.refine.tally import EffortRecord
from graven.studies.refinement_contenders import TRIALS, choose_parts, refiners_of, trials_of
from graven.studies.refinement_figures import figure5, figure6, workload_figure
from graven.studies.refinement_judge import STROKES
from graven.studies.refinement_page import readme
from graven.studies.refinement_protocol import PROTOCOLS, choose_protocol
from graven.studies.refinement_scores import (
    PatchScore,
    WorkedObject,
    patches_csv,
    read_patches,
    read_work,
    work_csv,
)
from graven.studies.refinement_summary import Results, effort_curve, mean_improvement, summarise_work
from graven.studies.refinement_tables import first_table, refiners_table, summary_csv, work_table
from graven.studies.refinement_words import (
    first_words,
    inputs_words,
    keeping_words,
    objects_words,
    operations_words,
    verdict,
    widths_words,
)

N_PANELS = 8


def patches(key: str, hits: int, seed: int = 1) -> list[PatchScore]:
    """Score eight panels: of 100 line pixels so many are found, one more on each further panel, and nothing else."""
    return [
        PatchScore(
            key,
            seed,
            "ordinary" if k < 4 else "severe",
            f"p{k}",
            BinaryCounts(tp=hits + k, fp=0, fn=100 - hits - k, tn=900),
            MatchCounts(hits + k, hits + k, hits + k, 100),
        )
        for k in range(N_PANELS)
    ]


def pfm(hits: int) -> float:
    """Give the pFM of those eight panels: precision is 1."""
    recall = (hits + (N_PANELS - 1) / 2) / 100
    return 2 * recall / (1 + recall)


def worked(trial: str, refined: list[float], *, name: str = "a", seed: int = 1, person: int = 0) -> WorkedObject:
    """Make a run in which strokes alone rise from 0.5 by 0.02 per record, and 100 pixels are drawn each time."""
    records = tuple(
        EffortRecord(10 * k, 100 * k, 0.5 + 0.02 * k, value, 0.4, value - 0.1) for k, value in enumerate(refined)
    )
    return WorkedObject(trial, seed, name, person, True, records)


def rising(step: float, n: int = 11) -> list[float]:
    return [0.5 + step * k for k in range(n)]


def results(
    hits: dict[str, int] | None = None, work: dict[str, list[WorkedObject]] | None = None, kind: str = "bronzes"
) -> Results:
    scores = {key: patches(key, n) for key, n in (hits or {}).items()}
    scores |= {key: patches(key, 10) for key in ("blackhat-otsu", "otsu")}
    baselines = {"blackhat-otsu": {"a": (0.1, 0.2)}, "otsu": {"a": (0.3, 0.4)}} if work else {}
    return Results(kind, scores, work or {}, baselines)


def test_summary_of_work_by_hand() -> None:
    # Strokes alone end at 0.7. The refined score reaches that at the fifth record, when 500 of 1000 pixels are drawn.
    steady = worked("published-official", rising(0.04))
    # This one falls by 0.15 after its best and never reaches 0.7.
    falling = worked("published-official", [0.5, 0.6, 0.65, *[0.5] * 8], name="b")
    found = summarise_work([steady, falling])
    assert found.n_images == 2
    values = {name: found.mean(name) for name in found.by_seed}
    assert values["workload"] == pytest.approx((0.5 + 0.0) / 2)
    assert values["workload_official"] == pytest.approx((0.5 + 1.0) / 2)
    assert values["drop"] == pytest.approx(0.15)
    assert values["drop_mean"] == pytest.approx(0.075)
    assert values["pfm_refined"] == pytest.approx((0.9 + 0.5) / 2)
    assert values["last"] == pytest.approx((0.2 / 0.7 - 0.2 / 0.7) / 2, abs=1e-12)
    assert (values["interactions"], values["stroke_px"]) == (100, 1000)
    # Ten records with strokes, three per mean: best are the last of the steady run, and the first of the other.
    last = [0.02 * k / (0.5 + 0.02 * k) for k in (8, 9, 10)]
    first = [(0.6 - 0.52) / 0.52, (0.65 - 0.54) / 0.54, (0.5 - 0.56) / 0.56]
    assert values["peak"] == pytest.approx((np.mean(last) + np.mean(first)) / 2)


def test_work_without_a_stroke_is_no_gain_and_no_error() -> None:
    found = summarise_work([worked("published-official", [0.5])])
    assert (found.mean("peak"), found.mean("workload"), found.mean("drop")) == (0, 0, 0)
    assert np.isnan(mean_improvement([worked("published-official", [0.5])])[1]).all()


def test_persons_are_averaged_before_the_peak_is_taken() -> None:
    early = [0.5, *[0.9] * 10, *[0.5] * 9]
    late = [0.5, *[0.5] * 10, *[0.9] * 9]
    runs = [worked("published-official", values, person=k) for k, values in enumerate((early, late))]
    alone = [summarise_work([run]).mean("peak") for run in runs]
    assert summarise_work(runs).mean("peak") < np.mean(alone)


def test_effort_is_the_share_of_drawn_pixels() -> None:
    short, long = worked("t", rising(0.04, 3)), worked("t", rising(0.04, 11), name="b")
    share, score = effort_curve([short, long], "pfm_refined")
    half = int(np.flatnonzero(share == 0.5)[0])
    assert score[[0, half, 100]] == pytest.approx([0.5, (0.54 + 0.7) / 2, (0.58 + 0.9) / 2])


@pytest.mark.parametrize(("step", "said"), [(0.08, "reached"), (0.021, "missed")])
def test_goals_are_judged_where_they_were_set(step: float, said: str) -> None:
    keys = tuple(TRIALS["objects"])
    found = results(work={key: [worked(key, rising(step, 6))] for key in keys})
    peak, saved, fall = objects_words(found)
    assert peak.count("the goal of 26 % is") == 2, "of the early starts alone"
    assert peak.count(said) == 2
    assert saved.count("the goal of 75 % is") == 2, "of the final ones alone"
    assert fall.count("0.00 points (at most 0.5 allowed: kept)") == 4
    dropped = results(work={keys[0]: [worked(keys[0], [0.5, 0.7, 0.69, 0.72])]})
    assert "As published: 1.00 points (at most 0.5 allowed: missed)" in objects_words(dropped)[2]


def test_first_network_beside_goals_and_baselines() -> None:
    work = {"published-official": [worked("published-official", [0.5])]}
    text = " ".join(first_words(results({"initial": 50}, work)))
    assert f"IoU 0.535 and pFM {pfm(50):.3f} (in the paper, on mirrors, 0.329 and 0.493)" in text
    assert "IoU 0.400 (the goal of 0.329 is reached) and pFM 0.500 (the goal of 0.493 is reached)" in text
    assert "without learning, Black-hat + Otsu 0.100 and 0.200, Otsu 0.300 and 0.400" in text
    pages = " ".join(first_words(results({"initial": 50}, work, kind="pages")))
    assert "IoU 0.400 and pFM 0.500 (the goal of 0.88 is missed)" in pages
    lines = first_table(results({"initial": 50, "early": 20}, work)).splitlines()
    assert "| First network | measured | 0.535 | " in lines[2]
    assert lines[3].startswith("|  | published | 0.329 | 0.493 |")
    assert lines[5] == "| Black-hat + Otsu (no learning) | measured | 0.135 | 0.238 | 0.100 | 0.200 |"


def test_inputs_are_ranked_and_compared() -> None:
    hits = {"initial": 40, "published": 60, "initial-only": 40, "hints-only": 59}
    hits |= {key + STROKES: 50 for key in ("published", "initial-only", "hints-only")}
    found = results(hits)
    order, compared, alone = inputs_words(found)
    assert order.startswith(f"By pFM after one stroke on each patch: as published {pfm(60):.3f}, strokes only")
    # Eight panels, all differences of one sign: p = 2 / 2^8, doubled by Holm's correction for two tests.
    assert "is better than first answer only (+0.1" in compared
    assert "p 0.016" in compared
    gain = 100 * (pfm(59) / pfm(50) - 1)
    assert f"{gain:+.1f} %" in alone
    lines = refiners_table(found, "inputs").splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        *("First network", "", "As published", "First answer only", "", "Strokes only"),
        *("Black-hat + Otsu (no learning)", "Otsu (no learning)"),
    ]
    assert "| published | 0.327 | 0.493 |" in lines[6]
    assert inputs_words(results({"published": 60, "published" + STROKES: 50})) == []


def test_widths_by_their_gain() -> None:
    hits = {"published": 60, "width-mean": 50, "width-sampled": 55}
    text = widths_words(results(hits | {key + STROKES: 50 for key in hits}))[0]
    assert [word for word in ("thin", "sampled", "mean") if word in text] == ["thin", "sampled", "mean"]
    assert text.index("thin") < text.index("sampled") < text.index("mean +0.0 %")


@pytest.mark.parametrize(("steps", "said"), [((0.06, 0.05, 0.03), "the same"), ((0.05, 0.03, 0.06), "another")])
def test_operations_beside_the_order_of_the_paper(steps: tuple[float, ...], said: str) -> None:
    work = {key: [worked(key, rising(step, 6))] for key, step in zip(TRIALS["operations"], steps, strict=True)}
    assert f"{said} order." in operations_words(results(work=work))[0]


def test_best_rule_of_keeping_does_not_know_the_truth() -> None:
    work = {
        "ours-official": [worked("ours-official", [0.5, 0.8, 0.75])],
        "ours-local": [worked("ours-local", [0.5, 0.6, 0.7])],
        "ours-oracle": [worked("ours-oracle", [0.5, 0.9, 0.95])],
    }
    text = keeping_words(results(work=work))[0]
    assert "of 2 rules without knowledge of the truth, official ends highest (pFM 0.750), and local falls least" in text
    table = work_table(results(work=work), "keeping").splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in table] == [
        "Many strokes, official",
        "Many strokes, local",
        "Many strokes, oracle",
    ]
    assert "| 0.0500 |" in table[0]


def test_page_has_sections_of_what_was_done_alone() -> None:
    runs = [
        {"contender": "initial", "seed": 1, "status": "complete", "minutes": 2.0, "device": "cpu", "precision": "bf16"}
        | {"threads": 1},
        {"contender": "published", "seed": 1, "status": "collapsed", "reason": "no number"},
    ]
    origin = {"kind": "pages", "name": "dibco", "panels": {"train": 16, "val": 4, "test": 10, "objects": 10}}
    origin |= {"strokes": {"shape": 4.0, "loc": 0.5, "scale": 0.5}}
    known = {"protocol": PROTOCOLS["tiny"], "origin": origin, "runs": runs, "command": "graven reproduce refinement"}
    few = readme(results({"initial": 50}, kind="pages"), pictures=(), **known)
    heads = [line[3:] for line in few.splitlines() if line.startswith("## ")]
    assert heads == ["Result", "The first network", "By test set", "Protocol", "Runs without a result"]
    assert "2.50 ± 1.00 px" in few
    assert "* published, seed 1: no number" in few
    assert "not heritage objects" in few
    work = {key: [worked(key, rising(0.05))] for key in TRIALS["objects"]}
    more = readme(results({"initial": 50}, work, kind="pages"), pictures=("figure5.png",), **known)
    assert "## Figures 5 and 6" in more
    assert "(figure5.png)" in more
    assert "(figure6.png)" not in more, "a figure that was not drawn is not shown"


def test_figures_depend_on_the_work() -> None:
    one, other = ({key: [worked(key, rising(step))] for key in TRIALS["objects"]} for step in (0.03, 0.045))
    for draw in (figure5, figure6, workload_figure):
        assert draw(results(work=one)).startswith(b"\x89PNG")
        assert draw(results(work=one)) == draw(results(work=one))
        assert draw(results(work=one)) != draw(results(work=other))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    scores = [*patches("initial", 3), *patches("published+strokes", 7, seed=2)]
    work = [worked("ours-local", rising(0.031), person=k, name=name) for name in "ab" for k in range(2)]
    (tmp_path / "p.csv").write_text(patches_csv(scores), encoding="utf-8")
    (tmp_path / "w.csv").write_text(work_csv(work), encoding="utf-8")
    assert read_patches(tmp_path / "p.csv") == scores
    assert read_work(tmp_path / "w.csv") == work
    (tmp_path / "w.csv").write_text("trial,seed\nx,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"w\.csv must hold the columns trial, seed"):
        read_work(tmp_path / "w.csv")


def test_csv_holds_every_metric_of_every_object() -> None:
    work = {"published-official": [worked("published-official", rising(0.04), name=name) for name in "ab"]}
    rows = list(csv.DictReader(io.StringIO(summary_csv(results({"initial": 50}, work)))))
    assert {row["where"] for row in rows if row["kind"] == "objects"} == {"all", "a", "b"}
    row = next(r for r in rows if (r["contender"], r["metric"]) == ("initial", "pfm"))
    assert float(row["mean"]) == pytest.approx(pfm(50))


def test_parts_share_networks_and_work() -> None:
    assert choose_parts(None) == ("inputs", "widths", "strokes", "objects", "operations", "keeping")
    assert [entry.key for entry in refiners_of(("operations", "widths"))] == [
        "published",
        "width-mean",
        "width-sampled",
    ]
    keys = [trial.key for trial in trials_of(choose_parts(None))]
    assert len(keys) == len(set(keys)) == 3 + 3 + 2 + (2 * 7 - 3)
    with pytest.raises(UsageError, match="--parts takes any of inputs,widths,strokes,objects,operations,keeping"):
        choose_parts(("losses",))
    with pytest.raises(UsageError, match="--protocol takes small or full, got 'large'"):
        choose_protocol("large")


def test_verdict_is_empty_without_results() -> None:
    assert verdict(Results("bronzes", {}, {}, {})) == []
