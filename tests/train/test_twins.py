"""Cross pseudo supervision: the arithmetic of the loss, where its gradients go, and a run that learns and resumes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from graven.errors import InputError, MismatchError
from graven.losses.cross_pseudo import cross_pseudo_loss, pseudo_labels
from graven.nets import build_net
from graven.train.checkpoint import load_tensors
from graven.train.options import CrossPseudo
from graven.train.panels import Panel
from graven.train.recipe import Recipe, read_recipe, recipe_from_text, recipe_hash, recipe_to_text
from graven.train.run import build_model, build_task, bundled_network, train
from graven.train.task import Batch, Standardised
from graven.train.twins import TwinTask

STATISTICS = {"mean": [100.0] * 3, "std": [30.0] * 3}


def logits(*, n_classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn((2, 2, n_classes, 5, 7), generator=generator, dtype=torch.float64)
    return first.requires_grad_(), second.requires_grad_()


def test_of_classes_it_is_the_cross_entropy_with_the_others_argmax() -> None:
    first, second = logits(n_classes=3)
    expected = functional.cross_entropy(first, second.argmax(1)) + functional.cross_entropy(second, first.argmax(1))
    assert float(cross_pseudo_loss(first, second).detach()) == pytest.approx(float(expected.detach()), rel=1e-12)


def test_of_one_logit_it_is_the_binary_cross_entropy_with_the_others_sign() -> None:
    first, second = logits(n_classes=1)
    bce = functional.binary_cross_entropy_with_logits
    expected = bce(first, (second > 0).double()) + bce(second, (first > 0).double())
    assert float(cross_pseudo_loss(first, second).detach()) == pytest.approx(float(expected.detach()), rel=1e-12)


@pytest.mark.parametrize("n_classes", [1, 3])
def test_labels_pass_no_gradient(n_classes: int) -> None:
    first, second = logits(n_classes=n_classes)
    assert not pseudo_labels(second).requires_grad
    cross_pseudo_loss(first, second).backward()
    alone = first.detach().clone().requires_grad_()
    labels = pseudo_labels(second)
    if n_classes == 1:
        functional.binary_cross_entropy_with_logits(alone, labels.double()).backward()
    else:
        functional.cross_entropy(alone, labels[:, 0]).backward()
    assert first.grad is not None
    assert alone.grad is not None
    torch.testing.assert_close(first.grad, alone.grad)


def test_invalid_pixels_do_not_count() -> None:
    first, second = logits(n_classes=1)
    valid = torch.ones(2, 1, 5, 7, dtype=torch.bool)
    valid[:, :, :, 3:] = False
    expected = cross_pseudo_loss(first[..., :3], second[..., :3])
    assert float(cross_pseudo_loss(first, second, valid=valid).detach()) == pytest.approx(
        float(expected.detach()), rel=1e-12
    )
    assert float(cross_pseudo_loss(first, second, valid=torch.zeros_like(valid)).detach()) == 0
    with pytest.raises(MismatchError, match="they must be the same"):
        cross_pseudo_loss(first, second[:1])


def with_twins(recipe: Recipe, weight: float = 1.5) -> Recipe:
    return dataclasses.replace(recipe, cps=CrossPseudo(weight))


def test_the_task_adds_what_both_learn(recipe: Recipe) -> None:
    plan = with_twins(recipe, weight=2.0)
    model, task = build_model(plan, **STATISTICS).eval(), build_task(plan)
    assert isinstance(task, TwinTask)
    rng = torch.Generator().manual_seed(1)
    image, others = torch.rand((2, 2, 3, 32, 32), generator=rng) * 255
    target = (torch.rand((2, 1, 32, 32), generator=rng) > 0.7).float()
    valid = torch.ones_like(target, dtype=torch.bool)
    loss, mean = task.outputs(model, Batch(image, target, valid, (), (others, valid)))
    nets = [Standardised(net, **STATISTICS) for net in (model.net.first, model.net.second)]
    taught = cross_pseudo_loss(nets[0](others), nets[1](others), valid=valid)
    alone = sum(task.inner.criterion(net(image), target, valid) for net in nets)
    assert float(loss.detach()) == pytest.approx(float((alone + 2.0 * taught).detach()), rel=1e-6)
    torch.testing.assert_close(mean, (nets[0](image) + nets[1](image)) / 2)
    torch.testing.assert_close(model(image), mean)
    without = task.outputs(model, Batch(image, target, valid, ()))[0].detach()
    assert float(without) == pytest.approx(float(alone.detach()), rel=1e-6)


def test_the_two_networks_start_apart_and_are_named_as_a_bundle_needs_them(recipe: Recipe) -> None:
    plan = with_twins(recipe)
    net = build_model(plan, **STATISTICS).net
    weights = [next(part.parameters()) for part in (net.first, net.second)]
    assert not torch.equal(*weights)
    name, options = bundled_network(plan)
    again = build_net(name, **options)
    assert {key: value.shape for key, value in again.state_dict().items()} == {
        key: value.shape for key, value in net.state_dict().items()
    }


def blind(panel: Panel, name: str) -> Panel:
    """Give a panel without truth."""
    return dataclasses.replace(panel, name=name, group=name, target=np.zeros_like(panel.target))


def run(recipe: Recipe, out: Path, train_panels, val_panels, **options) -> tuple[Standardised, str]:
    beside = [blind(train_panels[2], "x"), blind(train_panels[1], "y")]
    known = {"unlabelled": beside, "pictures": False, "accelerator": "cpu", **STATISTICS, **options}
    model, result = train(recipe, train_panels[:2], val_panels, out, **known)
    return model, result.weights_sha256


def test_a_run_learns_and_resumes_to_the_same_bits(recipe: Recipe, train_panels, val_panels, tmp_path: Path) -> None:
    plan = with_twins(dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, max_steps=8)))
    model, whole = run(plan, tmp_path / "whole", train_panels, val_panels)
    tensors, facts = load_tensors(tmp_path / "whole" / "best.safetensors")
    assert any(name.startswith("net.second.") for name in tensors)
    assert facts["scores"]["miou"] > 0
    half = dataclasses.replace(plan, schedule=dataclasses.replace(plan.schedule, name="constant", options={}))
    ends = [dataclasses.replace(half, run=dataclasses.replace(half.run, max_steps=n)) for n in (4, 8)]
    _, straight = run(ends[1], tmp_path / "straight", train_panels, val_panels)
    run(ends[0], tmp_path / "parts", train_panels, val_panels)
    _, resumed = run(ends[1], tmp_path / "parts", train_panels, val_panels, resume=True)
    assert resumed == straight
    assert whole != straight
    del model


def test_what_does_not_fit_is_refused(recipe: Recipe, train_panels, val_panels, tmp_path: Path) -> None:
    plan = with_twins(recipe)
    with pytest.raises(InputError, match="cps learns from panels without truth; give at least one"):
        run(plan, tmp_path, train_panels, val_panels, unlabelled=[])
    with pytest.raises(InputError, match="panels without truth are for recipes with cps"):
        run(recipe, tmp_path, train_panels, val_panels)
    with pytest.raises(InputError, match="the group 'v' is without truth and in validation"):
        run(plan, tmp_path, train_panels, val_panels, unlabelled=[blind(val_panels[0], "v")])
    with pytest.raises(InputError, match="cps is for the tasks segment and classes, got gate"):
        dataclasses.replace(plan, task="gate")
    with pytest.raises(InputError, match=r"cps\.weight must be above 0"):
        CrossPseudo(0.0)


def test_options_are_read_written_and_count_in_the_hash_only_when_used() -> None:
    base = read_recipe("engraving-segment")
    text = recipe_to_text(base) + "\n"
    assert recipe_from_text(text) == base
    mixed = recipe_from_text(text.replace("cutmix: 0.0", "cutmix: 0.5"))
    twins = recipe_from_text(text.replace("cps: null", "cps: {weight: 1.5}"))
    assert mixed.mix.cutmix == 0.5
    assert twins.cps == CrossPseudo(1.5)
    assert len({recipe_hash(base), recipe_hash(mixed), recipe_hash(twins)}) == 3
