from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graven.errors import DataError, InputError
from graven.metrics import BinaryCounts
from graven.studies.begl_scores import COLUMNS, PatchScore, read_scores, score_patch, scores_csv
from graven.studies.begl_summary import paired_difference, summarise

WHERE = {"loss": "begl", "variant": False, "seed": 1, "subset": "test", "panel": "p", "image": "p[0,0]"}


def score(
    counts: tuple[int, int, int, int],
    *,
    loss: str = "a",
    seed: int = 1,
    image: str = "i",
    panel: str = "p",
    f: float = 0.5,
) -> PatchScore:
    return PatchScore(loss, False, seed, "test", panel, image, True, BinaryCounts(*counts), f)


def test_patch_is_counted_where_it_is_valid() -> None:
    preds = np.array([[True, True, False, False]])
    target = np.array([[True, False, True, False]])
    valid = np.array([[True, True, True, False]])
    assert score_patch(preds, target, valid, **WHERE).counts == BinaryCounts(tp=1, fp=1, fn=1, tn=0)


@pytest.mark.parametrize(
    ("n_true", "n_valid", "kept"),
    [(1, 1000, True), (1, 1001, False), (0, 1000, False), (10, 399, False), (10, 400, True)],
    ids=["0.1 %", "just below", "empty", "too little known", "enough known"],
)
def test_a_patch_is_kept_with_a_thousandth_of_foreground_and_a_tenth_of_it_known(
    n_true: int, n_valid: int, kept: bool
) -> None:
    # 4000 pixels; 400 of them are a tenth.
    side = (40, 100)
    index = np.arange(4000).reshape(side)
    found = score_patch(np.zeros(side, bool), index < n_true, index < n_valid, **WHERE)
    assert found.kept is kept


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(3, 9), st.integers(3, 9)), elements=st.integers(0, 7)),
    st.sampled_from(["be", "begl-l0.01"]),
    st.integers(0, 9),
)
def test_csv_gives_scores_back(
    tmp_path_factory: pytest.TempPathFactory, bits: np.ndarray, loss: str, seed: int
) -> None:
    bits[0, 0] |= 4
    where = {**WHERE, "loss": loss, "variant": "-" in loss, "seed": seed, "panel": 'a "b", c', "image": "x[0,32]"}
    found = score_patch(bits & 1 > 0, bits & 2 > 0, bits & 4 > 0, **where)
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    path.write_text(scores_csv([found, found]), encoding="utf-8")
    assert read_scores(path) == [found, found]


def test_row_by_hand() -> None:
    # tp 2, fp 1, fn 1, tn 4: accuracy 6/8, precision 2/3, recall 2/3, F1 4/6, IoU 2/4 and 4/6.
    row = dict(zip(COLUMNS, score((2, 1, 1, 4)).row(), strict=True))
    assert row["valid_px"] == 8
    assert row["truth_share"] == 3 / 8
    expected = {"accuracy": 3 / 4, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "miou": 7 / 12, "dsc": 2 / 3}
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    "damage", ["loss,seed\nbegl,1\n", scores_csv([score((1, 1, 1, 1))]).replace(",1,1,1,1,", ",1,x,1,1,")]
)
def test_damaged_scores_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(damage, encoding="utf-8")
    with pytest.raises(DataError, match=r"scores\.csv is damaged"):
        read_scores(path)


def test_mean_over_images_and_pooled_by_hand() -> None:
    # Seed 1: precision 1/1 and 1/4 → mean 5/8, pooled 2/5. Seed 2: 1/2 and 1/2 → 1/2, pooled 1/2.
    scores = [
        score((1, 0, 0, 3), image="a"),
        score((1, 3, 0, 0), image="b"),
        score((1, 1, 0, 2), image="a", seed=2),
        score((1, 1, 0, 2), image="b", seed=2),
    ]
    means, pools = summarise(scores, reduction="mean over images"), summarise(scores, reduction="pooled")
    assert means.by_seed["precision"] == (5 / 8, 1 / 2)
    assert pools.by_seed["precision"] == (2 / 5, 1 / 2)
    assert (means.n_seeds, means.n_images) == (2, 2)
    assert means.mean("precision") == 9 / 16
    assert means.sd("precision") == pytest.approx((5 / 8 - 1 / 2) / 2**0.5)  # two values: difference over root two
    assert summarise(scores[:2], reduction="pooled").sd("precision") is None
    assert "boundary_f1" not in pools.by_seed


def test_mixed_losses_and_other_patches_are_refused() -> None:
    with pytest.raises(InputError, match="of one loss"):
        summarise([score((1, 0, 0, 1)), score((1, 0, 0, 1), loss="b")], reduction="pooled")
    with pytest.raises(InputError, match="same patches"):
        summarise([score((1, 0, 0, 1)), score((1, 0, 0, 1), seed=2, image="j")], reduction="pooled")
    with pytest.raises(InputError, match="same patches"):
        paired_difference([score((1, 0, 0, 1))], [score((1, 0, 0, 1), loss="b", image="j")])


def test_equal_gain_on_every_patch_leaves_no_doubt() -> None:
    # MIoU 1 against (1/2 + 1/2) / 2 on all patches: the difference is 1/2 however panels are drawn.
    better = [score((2, 0, 0, 2), image=f"{p}{i}", panel=p) for p in "abc" for i in range(2)]
    worse = [score((1, 1, 0, 1), loss="b", image=f"{p}{i}", panel=p) for p in "abc" for i in range(2)]
    found = paired_difference(better, worse)
    assert (found.mean, found.low, found.high, found.wins, found.n_panels) == (0.5, 0.5, 0.5, 1.0, 3)
    other = paired_difference(worse, better)
    assert (other.mean, other.low, other.high, other.wins) == (-0.5, -0.5, -0.5, 0.0)


def test_doubt_comes_from_panels_not_from_patches() -> None:
    # One panel gains, the other loses; a hundred patches each do not make that surer.
    def difference(n: int) -> tuple[float, float]:
        first = [score((2, 0, 0, 2), image=f"a{i}", panel="a") for i in range(n)]
        first += [score((1, 1, 0, 1), image=f"b{i}", panel="b") for i in range(n)]
        second = [score((1, 1, 0, 1), loss="b", image=f"a{i}", panel="a") for i in range(n)]
        second += [score((2, 0, 0, 2), loss="b", image=f"b{i}", panel="b") for i in range(n)]
        found = paired_difference(first, second)
        return found.low, found.high

    assert difference(1) == difference(100) == (-0.5, 0.5)
