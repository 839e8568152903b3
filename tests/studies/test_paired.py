from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from graven.errors import InputError
from graven.studies.paired import compare_pairs, holm


def scores(values: list[float]) -> dict[str, float]:
    return {f"p{i}": value for i, value in enumerate(values)}


def test_holm_by_hand() -> None:
    # Sorted: 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.5 x 1; each at least the one before.
    assert holm([0.03, 0.5, 0.01, 0.02]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_p_is_that_of_scipy_and_the_sign_says_who_is_better() -> None:
    rng = np.random.default_rng(1)
    mine, good, bad = rng.random(20), rng.random(20) + 1, rng.random(20) - 1
    found = {
        entry.other: entry for entry in compare_pairs("a", {"a": scores(mine), "g": scores(good), "b": scores(bad)})
    }
    assert found["g"].p == pytest.approx(wilcoxon(mine - good).pvalue)
    assert found["g"].p_holm == pytest.approx(2 * found["g"].p)
    assert (found["g"].finding, found["b"].finding) == ("worse", "better")
    assert (found["g"].wins, found["b"].wins, found["g"].n) == (0.0, 1.0, 20)
    assert found["b"].low < found["b"].mean < found["b"].high
    assert found["b"].mean == pytest.approx(np.mean(mine - bad))


def test_what_differs_by_chance_or_not_at_all_is_undecided() -> None:
    same = compare_pairs("a", {"a": scores([0.1, 0.2]), "b": scores([0.1, 0.2])})[0]
    assert (same.p, same.mean, same.finding) == (1.0, 0.0, "undecided")
    few = compare_pairs("a", {"a": scores([0.9, 0.8, 0.7]), "b": scores([0.1, 0.2, 0.3])})[0]
    assert few.p == pytest.approx(0.25)  # the smallest p that three pairs can give
    assert few.finding == "undecided"


def test_other_pictures_are_refused() -> None:
    with pytest.raises(InputError, match=r"same pictures, at least one; got \{'a': 1, 'b': 2\}"):
        compare_pairs("a", {"a": scores([0.1]), "b": scores([0.1, 0.2])})
    with pytest.raises(InputError, match="at least one"):
        compare_pairs("a", {"a": {}, "b": {}})
