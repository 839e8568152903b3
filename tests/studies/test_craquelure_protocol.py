from __future__ import annotations

from dataclasses import asdict

import pytest

from graven.errors import UsageError
from graven.losses import build_loss
from graven.studies.craquelure_contenders import (
    CLASSES,
    GOALS,
    LABELS,
    LAMBDAS,
    LOSSES,
    NETWORKS,
    PARTS,
    PUBLISHED_IOU,
    PUBLISHED_NETWORKS,
    choose_parts,
    contenders_of,
)
from graven.studies.craquelure_protocol import (
    PROTOCOLS,
    choose_protocol,
    crack_recipe,
    painting_recipe,
)
from graven.train.recipe import read_recipe, recipe_from_text, recipe_hash, recipe_to_text

ALL = contenders_of(PARTS)


def flat(value: object, where: str = "") -> dict[str, object]:
    if isinstance(value, dict):
        return {key: entry for name, part in value.items() for key, entry in flat(part, f"{where}.{name}").items()}
    return {where: value}


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize(
    ("table", "allowed"),
    [
        (LOSSES, {".name", ".loss.name"}),
        (LAMBDAS, {".name", ".loss.options.focal_weight", ".loss.options"}),
        (NETWORKS, {".name", ".network"}),
    ],
    ids=["losses", "lambda", "networks"],
)
def test_runs_of_a_comparison_differ_in_what_is_compared_alone(name: str, table, allowed: set[str]) -> None:
    recipes = [flat(asdict(painting_recipe(PROTOCOLS[name], entry, seed=3))) for entry in table.values()]
    keys = {key for recipe in recipes for key in recipe}
    differing = {key for key in keys if len({str(recipe.get(key)) for recipe in recipes}) > 1}
    assert all(any(key == one or key.startswith(f"{one}.") for one in allowed) for key in differing), differing
    assert differing - {".name"}, "nothing is compared"


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.key)
def test_every_recipe_is_complete_and_its_loss_can_be_built(entry) -> None:
    recipe = painting_recipe(PROTOCOLS["small"], entry, seed=1)
    assert recipe_hash(recipe_from_text(recipe_to_text(recipe))) == recipe_hash(recipe)
    loss = build_loss(recipe.loss.name, **recipe.loss.options)
    for key, value in entry.options.items():
        assert getattr(loss, key) == value


def test_each_run_is_trained_once_and_has_one_label() -> None:
    assert [entry.key for entry in ALL] == list(LABELS)
    assert len(ALL) == 5 + 4 + 2
    assert len(set(LABELS.values())) == len(ALL)
    # The shared run is the same under its three names.
    shared = [LOSSES["mixed1"], LAMBDAS[1.0], NETWORKS["res_unet"]]
    assert len({recipe_hash(painting_recipe(PROTOCOLS["small"], entry, seed=1)) for entry in shared}) == 1


def test_lambda_is_the_weight_of_the_focal_term() -> None:
    built = {weight: build_loss(entry.loss, **entry.options) for weight, entry in LAMBDAS.items()}
    assert {weight: loss.focal_weight for weight, loss in built.items()} == {weight: weight for weight in LAMBDAS}


def test_full_protocol_is_the_network_and_the_training_of_the_paper() -> None:
    torch = pytest.importorskip("torch")
    from graven.nets import build_net

    recipe = painting_recipe(PROTOCOLS["full"], LOSSES["mixed1"], seed=1)
    with torch.device("meta"):
        net = build_net(recipe.network.name, **recipe.network.options)
    assert sum(parameter.numel() for parameter in net.parameters()) == 43_932_931
    paper = read_recipe("condition-paper")
    assert recipe.augment == paper.augment
    assert recipe.schedule == paper.schedule
    assert (recipe.optimiser.name, recipe.optimiser.lr) == ("adam", paper.optimiser.lr)
    same = ("crop_px", "batch_size", "items_per_epoch")
    assert {key: getattr(recipe.data, key) for key in same} == {key: getattr(paper.data, key) for key in same}
    assert (recipe.run.max_epochs, PROTOCOLS["full"].n_train) == (100, 600)
    assert recipe.freeze.epochs == 0, "an encoder with random weights must not be frozen"


def test_small_networks_are_of_the_same_kind_and_small() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("segmentation_models_pytorch")
    from graven.nets import build_net

    small, full = PROTOCOLS["small"], PROTOCOLS["full"]
    assert small.networks.keys() == full.networks.keys() == NETWORKS.keys()
    for key, network in small.networks.items():
        assert network.name == full.networks[key].name == key
        with torch.device("meta"):
            net = build_net(network.name, **network.options, n_classes=3)
        assert sum(parameter.numel() for parameter in net.parameters()) < 3e6


@pytest.mark.parametrize("name", PROTOCOLS)
def test_cracks_are_learned_by_the_network_of_the_paper_with_two_classes(name: str) -> None:
    recipe = crack_recipe(PROTOCOLS[name], "crackforest", tile_px=480, seed=2)
    assert recipe.network.name == "res_unet"
    assert recipe.network.options["n_classes"] == 2
    assert (recipe.loss.name, recipe.loss.options, recipe.run.seed) == ("mixed1", {}, 2)


def test_published_values_agree_with_each_other() -> None:
    assert list(PUBLISHED_IOU) == list(LOSSES)
    # The three IoUs of Mixed 1 have the mean that the paper prints as MIoU of Res-UNet, up to rounding.
    assert sum(PUBLISHED_IOU["mixed1"]) / 3 == pytest.approx(PUBLISHED_NETWORKS["mixed1"]["miou"], abs=0.002)
    assert tuple(GOALS[name] for name in CLASSES) == PUBLISHED_IOU["mixed1"]
    for row in PUBLISHED_NETWORKS.values():
        f1 = 2 * row["precision"] * row["recall"] / (row["precision"] + row["recall"])
        assert f1 == pytest.approx(row["f1"], abs=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: choose_protocol("large"), "takes small or full, got 'large'"),
        (lambda: choose_protocol("small", epochs=0), "--epochs must be at least 1, got 0"),
        (lambda: choose_parts(("loss",), has_cracks=True), "--parts takes any of losses,lambda,.*, got 'loss'"),
        (lambda: choose_parts((), has_cracks=True), "--parts takes any of"),
        (lambda: choose_parts(("cracks",), has_cracks=False), "cracks needs --data"),
    ],
)
def test_unknown_names_are_refused_with_the_choices(call, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_epochs_hold_for_paintings_and_cracks() -> None:
    chosen = choose_protocol("small", epochs=2)
    assert {chosen.paintings.epochs, *(budget.epochs for budget in chosen.cracks.values())} == {2}
    assert choose_protocol("small") == PROTOCOLS["small"]
