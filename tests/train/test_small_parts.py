"""Scores, tasks, stops, precision, curves: by hand, and against scikit-learn's definitions written out."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.nn import functional

from graven.errors import InputError, TrainingCollapsed
from graven.losses import build_loss
from graven.metrics import BinaryCounts
from graven.nets import build_net
from graven.nets.precision import has_bf16
from graven.train.curves import CsvLog, EventLog, draw_curves, overlay, sample_sheet, write_png
from graven.train.dataset import Sample
from graven.train.precision import resolve_precision
from graven.train.recipe import Named, Recipe, Run
from graven.train.run import build_model, build_task
from graven.train.scores import binary_scores, rank_score, recall_threshold
from graven.train.state import Ema, build_optimiser
from graven.train.stop import Collapse, check_loss
from graven.train.task import Batch, GateTask, SegmentTask, Standardised, collate

# scores


def test_scores_pool_counts_and_average_images() -> None:
    counts = [BinaryCounts(tp=1, fp=1, fn=0, tn=2), BinaryCounts(tp=3, fp=0, fn=3, tn=0)]
    scores = binary_scores(counts)
    assert scores["f1"] == pytest.approx(8 / 12)
    assert scores["f1_per_image"] == pytest.approx((2 / 3 + 6 / 9) / 2)
    assert scores["miou"] == pytest.approx((4 / 8 + 2 / 6) / 2)
    assert (scores["predicted_share"], scores["true_share"]) == (0.5, 0.7)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_the_rank_score_counts_pairs(items: list[tuple[int, bool]]) -> None:
    probs, target = np.array([p for p, _ in items], float), np.array([t for _, t in items])
    pairs = [(p > n) + 0.5 * (p == n) for p in probs[target] for n in probs[~target]]
    assert rank_score(probs, target) == pytest.approx(np.mean(pairs) if pairs else 0.5)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40).filter(lambda x: any(t for _, t in x)),
    st.floats(0.01, 1.0),
)
def test_the_threshold_is_the_largest_that_keeps_the_recall(items: list[tuple[float, bool]], recall: float) -> None:
    probs, target = np.array([p for p, _ in items]), np.array([t for _, t in items])
    threshold = recall_threshold(probs, target, recall=recall)
    assert np.mean(probs[target] >= threshold) >= recall - 1e-9
    larger = probs[target][probs[target] > threshold]
    assert larger.size == 0 or np.mean(probs[target] >= larger.min()) < recall


# tasks


def make_batch(shares: list[float], *, side: int = 64) -> Batch:
    samples = []
    for index, share in enumerate(shares):
        target = np.zeros(side * side, np.uint8)
        target[: round(share * side * side)] = 1
        image = np.random.default_rng(index).uniform(0, 255, (3, side, side)).astype(np.float32)
        samples.append(Sample(image, target.reshape(side, side), np.ones((side, side), bool), f"s{index}"))
    return collate(samples)


def test_standardisation_is_inside() -> None:
    model = Standardised(nn.Identity(), mean=[10, 20], std=[2, 4])
    image = torch.tensor([[[[14.0]], [[12.0]]]])
    assert model(image).flatten().tolist() == [2.0, -2.0]
    assert {"mean", "std"} <= set(model.state_dict())
    with pytest.raises(InputError, match="all positive"):
        Standardised(nn.Identity(), mean=[1.0], std=[0.0])


def test_segmenting_leaves_out_invalid_pixels() -> None:
    task = SegmentTask(build_loss("begl"))
    batch = make_batch([0.5, 0.25], side=16)
    valid = batch.valid.clone()
    valid[..., 8:] = False
    logits = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    other = logits.clone()
    other[..., 8:] = 5.0
    values = []
    for answer in (logits, other):
        model = Standardised(_Answer(answer), mean=[0.0] * 3, std=[1.0] * 3)
        masked = Batch(batch.image, batch.target, valid, batch.origins)
        loss, found = task.outputs(model, masked)
        rows = task.judge(torch.sigmoid(found).numpy(), masked)
        values.append((float(loss), rows.tolist()))
        assert rows.sum(axis=1).tolist() == [128.0, 128.0]
    assert values[0] == values[1]


class _Answer(nn.Module):
    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.logits


def test_a_tile_is_positive_from_a_share_on() -> None:
    task = GateTask(min_share=0.01)
    batch = make_batch([0.0, 0.009, 0.011, 0.5])
    assert task.labels(batch).flatten().tolist() == [0.0, 0.0, 1.0, 1.0]
    loss, _ = task.outputs(Standardised(_Answer(torch.zeros(4, 1)), mean=[0.0] * 3, std=[1.0] * 3), batch)
    assert float(loss) == pytest.approx(np.log(2))
    rows = task.judge(np.array([[0.1], [0.6], [0.7], [0.4]], np.float32), batch)
    scores = task.scores(rows)
    assert (scores["precision"], scores["recall"], scores["auc"]) == (0.5, 0.5, 0.75)
    assert scores["skipped"] == 0.5


def test_the_map_of_a_gate_is_taught_cell_by_cell() -> None:
    """The map's loss equals the cross entropy of its cells, written out."""
    torch.manual_seed(0)
    net = build_net("compact_gate", widths=(8, 16), depths=(1, 1), reduce=1)
    model = Standardised(net, mean=[128.0] * 3, std=[50.0] * 3).eval()
    batch = make_batch([0.0, 0.3])
    both, logits = GateTask(min_share=0.01, tile_weight=0.0, map_weight=2.0).outputs(model, batch)
    with torch.no_grad():
        again, cam = net.forward_with_cam((batch.image - 128) / 50)
        cells = cam + net.classifier.bias - np.log(cam[0].numel())
    assert torch.equal(logits, again)
    side = 64 // cam.shape[-1]
    share = batch.target.unfold(2, side, side).unfold(3, side, side).mean(dim=(-1, -2))
    sure = (share == 0) | (share > 0.02)
    expected = functional.binary_cross_entropy_with_logits(cells[sure], (share[sure] > 0.02).float())
    assert float(both.detach()) == pytest.approx(2 * float(expected), rel=1e-5)
    with pytest.raises(InputError, match="has no class activation map; set the gate's map_weight to 0"):
        GateTask(map_weight=1.0).outputs(Standardised(_Answer(logits), mean=[0.0] * 3, std=[1.0] * 3), batch)


def test_a_gate_learns_nothing_from_the_truth_of_invalid_pixels() -> None:
    net = build_net("compact_gate", widths=(8, 16), depths=(1, 1), reduce=1)
    model = Standardised(net, mean=[128.0] * 3, std=[50.0] * 3).eval()
    task = GateTask(min_share=0.5, map_weight=1.0)
    batch = make_batch([0.75, 0.25])
    valid = batch.valid.clone()
    valid[:, :, 20:36] = False  # the map has cells of 8 px: two are cut in half
    losses, labels = [], []
    for truth in (0.0, 1.0):
        target = torch.where(valid, batch.target, truth)
        masked = Batch(batch.image, target, valid, batch.origins)
        losses.append(float(task.outputs(model, masked)[0].detach()))
        labels.append(task.labels(masked).flatten().tolist())
    # of the 48 rows that count, 20 + 12 are foreground in the first tile and 16 in the second
    assert labels == [[1.0, 0.0], [1.0, 0.0]]
    assert losses[0] == losses[1]


def test_a_gate_takes_its_own_loss_only() -> None:
    gate = Recipe("g", "petroglyph", Named("compact_gate"), Named("dice"), task="gate", run=Run(max_steps=1))
    with pytest.raises(InputError, match="a gate is trained with the loss 'tile_bce'"):
        build_task(gate)


def test_initial_weights_depend_on_the_seed_alone() -> None:
    recipe = Recipe("s", "petroglyph", Named("unet", {"widths": [4, 8]}), Named("begl"), run=Run(max_steps=1, seed=3))
    before = torch.get_rng_state()
    models = [build_model(recipe, mean=[0.0] * 3, std=[1.0] * 3).state_dict() for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


# state


def test_the_running_mean_begins_as_a_plain_mean_of_what_it_saw() -> None:
    model = Standardised(nn.Linear(1, 1, bias=False), mean=[0.0], std=[1.0])
    weight = model.net.weight
    nn.init.zeros_(weight)
    ema = Ema(model, decay=0.5)
    seen, expected = [4.0, 8.0], 0.0
    for n, value in enumerate(seen, 1):
        nn.init.constant_(weight, value)
        ema.update(model)
        keep = min(0.5, (1 + n) / (10 + n))
        expected = keep * expected + (1 - keep) * value
    assert float(ema.tensors["net.weight"]) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_only_weights_of_two_axes_decay(name: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimiser = build_optimiser(net, name=name, lr=0.1, weight_decay=0.5)
    shapes = [[tuple(p.shape) for p in group["params"]] for group in optimiser.param_groups]
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0.5, 0.0]
    assert shapes == [[(4, 3, 3, 3)], [(4,), (4,), (4,)]]


# stops


def test_a_loss_that_is_a_number_passes() -> None:
    check_loss(0.3, step=1, epoch=0, origins=())
    with pytest.raises(TrainingCollapsed, match=r"became inf at step 3 \(epoch 1\) on the crops p\[1,2\], q\[3,4\]"):
        check_loss(float("inf"), step=3, epoch=1, origins=("p[1,2]", "q[3,4]"))


def test_a_collapse_must_last() -> None:
    watch = Collapse(after=2)
    facts = {"true_share": 0.1, "spread": 0.2}
    watch.see(predicted_share=0.0, step=1, **facts)
    watch.see(predicted_share=0.1, step=2, **facts)
    watch.see(predicted_share=0.0, step=3, **facts)
    with pytest.raises(TrainingCollapsed, match="at step 4 after 2 validations in a row: nothing is predicted"):
        watch.see(predicted_share=0.0, step=4, **facts)
    Collapse(after=1).see(predicted_share=0.0, true_share=0.0, spread=0.2, step=1)


SECOND_SIGNAL = """
import signal
from graven.train.stop import SignalFlag
before = signal.getsignal(signal.SIGINT)
with SignalFlag() as flag:
    signal.raise_signal(signal.SIGINT)
    assert flag.name == "SIGINT"
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("ended")
assert signal.getsignal(signal.SIGINT) is before
"""


def test_a_second_signal_ends_at_once() -> None:
    # in a process of its own: a test runner has plans of its own for Ctrl-C
    done = subprocess.run([sys.executable, "-c", SECOND_SIGNAL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


# precision


def test_auto_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for found, expected in (
        ({"avx512_vnni": True}, "fp32"),
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": 1}, "bf16"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
        assert resolve_precision("auto", cpu) == expected
    assert not has_bf16(torch.device("meta"))
    assert resolve_precision("bf16", cpu) == "bf16"
    with pytest.raises(InputError, match="choose auto, fp32 or bf16"):
        resolve_precision("fp16", cpu)


# curves


def test_a_log_is_cut_back_where_a_run_resumes(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv", ("loss", "lr"))
    log.start(keep_to_step=0)
    for step in (10, 20, 30):
        log.add(step, {"loss": step / 7, "lr": float("nan")})
    log.start(keep_to_step=20)
    log.add(30, {"loss": 1.5, "lr": 0.1})
    with (tmp_path / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["step", "loss", "lr"], ["10", "1.42857143", ""], ["20", "2.85714286", ""], ["30", "1.5", "0.1"]]
    with pytest.raises(InputError, match="has the columns loss, lr, got loss"):
        log.add(40, {"loss": 1.0})


def test_the_overlay_has_the_colours_of_the_conventions() -> None:
    preds = np.array([[True, False, True, False]])
    target = np.array([[True, True, False, False]])
    picture = overlay(np.full((3, 1, 4), 100, np.uint8), preds, target, np.ones((1, 4), bool))
    assert picture[0].tolist() == [[255, 255, 255], [0, 114, 178], [230, 159, 0], [50, 50, 50]]
    unknown = overlay(np.full((1, 1, 4), 100, np.uint8), preds, target, np.zeros((1, 4), bool))
    assert unknown[0].tolist() == [[20, 20, 20]] * 4


def test_pictures_can_be_read_by_another_library(tmp_path: Path) -> None:
    yes = np.ones((8, 8), bool)
    sheet = sample_sheet([(np.full((3, 8, 8), 9, np.uint8), yes, ~yes, yes)] * 3, side_px=16)
    assert sheet.shape == (32, 48, 3)
    write_png(tmp_path / "s.png", sheet)
    with Image.open(tmp_path / "s.png") as image:
        assert np.array_equal(np.asarray(image), sheet)
    train = [{"step": 10.0, "loss": 0.5, "lr": 0.1}, {"step": 20.0, "loss": 0.4, "lr": 0.2}]
    validation = [{"step": 20.0, "loss": 0.6, "miou": 0.7, "f1": 0.6, "precision": 0.5, "recall": 0.8}]
    with Image.open(io.BytesIO(draw_curves(train, validation, score_name="miou", title="t"))) as image:
        assert image.size == (1210, 374)
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 100


def test_events_can_be_read_by_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventLog(tmp_path, purge_step=0, say=pytest.fail)
    log.add(5, {"loss": 0.25, "nothing": float("nan")}, prefix="train")
    log.picture(5, np.zeros((4, 4, 3), np.uint8), name="validation")
    log.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["scalars"] == ["train/loss"]
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(5, 0.25)]
    assert events.Tags()["images"] == ["validation"]
