"""Learning rates against the independent vectors, PyTorch's own schedulers, and arithmetic."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import InputError
from graven.train.recipe import Schedule
from graven.train.schedule import SCHEDULES, cosine, one_cycle, plateau, rate_at, time_decay, warm_cosine
from graven.train.state import Progress
from graven.train.stop import Collapse


def test_time_decay_vector(vectors: dict[str, dict[str, Any]]) -> None:
    entry = vectors["A-LR-1"]
    found = {
        step: time_decay(int(step), lr=entry["inputs"]["lr0"], decay=entry["inputs"]["decay"])
        for step in entry["expected"]["lr"]
    }
    assert found == pytest.approx(entry["expected"]["lr"], abs=entry["tolerance"])


def test_cosine_vector(vectors: dict[str, dict[str, Any]]) -> None:
    entry = vectors["C-LR-1"]
    lr, lr_min, total = (entry["inputs"][key] for key in ("lr_max", "lr_min", "epochs"))
    plain = {step: cosine(int(step), lr=lr, total=total, lr_min=lr_min) for step in entry["expected"]["plain"]}
    warm = {
        step: warm_cosine(int(step), lr=lr, total=total, lr_min=lr_min, lr_start=lr / 10)
        for step in entry["expected"]["warm"]
    }
    assert plain == pytest.approx(entry["expected"]["plain"], abs=entry["tolerance"])
    assert warm == pytest.approx(entry["expected"]["warm"], abs=entry["tolerance"])


def test_warm_cosine_rises_to_the_rate_falls_without_a_jump_and_stays_at_its_end() -> None:
    steps = [epoch / 8 for epoch in range(8 * 100)]
    rates = [warm_cosine(step, lr=1e-4, total=100, lr_min=1e-6, lr_start=1e-5) for step in steps]
    changes = [after - before for before, after in pairwise(rates)]
    assert max(rates) == rates[24] == 1e-4
    assert min(changes[:24]) > 0 > max(changes[24 : 8 * 95])
    assert set(rates[8 * 95 :]) == {1e-6}
    assert max(map(abs, changes[24:])) < 0.3e-6  # steepest slope of the cosine: 9.9e-5 * pi / 2 / 92 per epoch


def test_one_cycle_vector(vectors: dict[str, dict[str, Any]]) -> None:
    entry = vectors["D-LR-1"]
    inputs = entry["inputs"]
    found = {
        step: one_cycle(
            int(step),
            lr=inputs["max_lr"],
            total=inputs["steps"],
            warmup_share=inputs["pct_start"],
            div=inputs["div"],
            final_div=inputs["final_div"],
        )
        for step in entry["expected"]["lr"]
    }
    assert found == pytest.approx(entry["expected"]["lr"], abs=entry["tolerance"])


def test_one_cycle_is_that_of_pytorch() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    peer = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 0.3, total_steps=40, pct_start=0.25, div_factor=10.0, final_div_factor=100.0, cycle_momentum=False
    )
    theirs = []
    for _ in range(40):
        theirs.append(peer.get_last_lr()[0])
        optimiser.step()
        if len(theirs) < 40:
            peer.step()
    ours = [one_cycle(step, lr=0.3, total=40, warmup_share=0.25, div=10, final_div=100) for step in range(40)]
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_warm_up_is_linear_and_never_zero() -> None:
    rates = [cosine(step, lr=1.0, total=100, warmup=4) for step in range(5)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    step=st.integers(0, 400),
    lr=st.floats(1e-6, 1.0),
    total=st.integers(20, 200),
)
def test_rates_stay_between_zero_and_the_highest(name: str, step: int, lr: float, total: int) -> None:
    options = {"lr_min": 0.0, "lr_start": 0.0} if name == "warm_cosine" else {}
    assert 0.0 <= rate_at(name, step, lr=lr, total=total, options=options) <= lr * (1 + 1e-12)


def test_an_unknown_schedule_is_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="choose one of constant, time_decay, cosine, warm_cosine, one_cycle"):
        rate_at("linear", 0, lr=1.0, total=1, options={})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("warm_cosine", {"lr_min": 1e-6}, "'warm_cosine' needs the option lr_start"),
        ("cosine", {"lrmin": 1e-6}, "'cosine' has no option lrmin; it knows total, lr_min, warmup"),
        ("constant", {"total": 3}, "'constant' has no option total; it knows none"),
    ],
)
def test_options_that_do_not_fit_a_schedule_are_named(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        rate_at(name, 0, lr=1e-4, total=10, options=options)


@given(
    scores=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), max_size=40),
    patience=st.integers(0, 4),
    factor=st.sampled_from([0.5, 0.25]),
    gain=st.sampled_from([0.0, 0.15]),
    stop_gain=st.sampled_from([0.0, 0.25]),
)
def test_plateau_drops_when_pytorch_does_whatever_ends_the_run(
    scores: list[float], patience: int, factor: float, gain: float, stop_gain: float
) -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, mode="max", factor=factor, patience=patience, threshold=gain, threshold_mode="abs", eps=0.0
    )
    ours = Progress(collapse=Collapse(after=3))
    schedule = Schedule("plateau", options={"patience": patience, "min_gain": gain})
    for score in scores:
        theirs.step(score)
        ours.count(score, min_gain=stop_gain, schedule=schedule)
        assert plateau(ours.n_drops, lr=3e-4, factor=factor) == pytest.approx(optimiser.param_groups[0]["lr"])


def test_small_gains_keep_the_rate_up_and_do_not_keep_the_run_alive() -> None:
    progress = Progress(collapse=Collapse(after=3))
    for score in (0.5, 0.5004, 0.5008, 0.5015):
        progress.count(score, min_gain=0.001, schedule=Schedule("plateau", options={"patience": 1}))
    assert (progress.n_without_gain, progress.gained_score) == (0, 0.5015)
    assert (progress.n_waiting, progress.n_drops) == (0, 0)
    for score in (0.5016, 0.5017, 0.5018):
        progress.count(score, min_gain=0.001, schedule=Schedule("plateau", options={"patience": 1}))
    assert (progress.n_without_gain, progress.n_drops) == (3, 0)


def test_the_time_left_is_that_to_the_nearer_limit() -> None:
    progress = Progress(collapse=Collapse(after=3))
    assert progress.left_s(n_steps=100, max_minutes=None) == math.inf, "no update has shown a pace yet"
    assert progress.left_s(n_steps=100, max_minutes=2) == 120
    progress.step, progress.elapsed_s = 25, 50.0
    assert progress.left_s(n_steps=100, max_minutes=None) == 150
    assert progress.left_s(n_steps=100, max_minutes=2) == 70
    assert progress.left_s(n_steps=math.inf, max_minutes=0.5) == 0


def test_a_small_gain_counts_for_the_weights_but_not_for_patience() -> None:
    progress = Progress(collapse=Collapse(after=3))
    for score in (0.5, 0.5005, 0.501, 0.5015):
        progress.count(score, min_gain=0.001, schedule=Schedule())
    assert (progress.gained_score, progress.n_without_gain) == (0.5015, 0)
    progress.count(0.502, min_gain=0.001, schedule=Schedule())
    assert progress.n_without_gain == 1
