from __future__ import annotations

from dataclasses import asdict

import pytest

from graven.errors import UsageError
from graven.losses import build_loss
from graven.studies.begl_protocol import (
    CONTENDERS,
    PROTOCOLS,
    PUBLISHED,
    VARIANTS,
    choose_contenders,
    choose_protocol,
    run_recipe,
)
from graven.train.recipe import recipe_from_text, recipe_hash, recipe_to_text


def flat(value: object, where: str = "") -> dict[str, object]:
    if isinstance(value, dict):
        return {key: entry for name, part in value.items() for key, entry in flat(part, f"{where}.{name}").items()}
    return {where: value}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_runs_of_one_seed_differ_in_loss_and_name_alone(name: str) -> None:
    recipes = [flat(asdict(run_recipe(PROTOCOLS[name], entry, seed=3))) for entry in CONTENDERS.values()]
    keys = {key for recipe in recipes for key in recipe}
    differing = {key for key in keys if len({str(recipe.get(key)) for recipe in recipes}) > 1}
    assert differing == {".name", ".loss.name"}


@pytest.mark.parametrize("entry", [*CONTENDERS.values(), *VARIANTS.values()], ids=lambda entry: entry.key)
def test_every_recipe_is_complete_and_its_loss_can_be_built(entry) -> None:
    recipe = run_recipe(PROTOCOLS["small"], entry, seed=1)
    assert recipe_hash(recipe_from_text(recipe_to_text(recipe))) == recipe_hash(recipe)
    loss = build_loss(recipe.loss.name, **recipe.loss.options)
    for key, value in entry.options.items():
        assert getattr(loss, key) == value


def test_variants_change_something_and_are_marked() -> None:
    assert all(entry.is_variant and entry.options for entry in VARIANTS.values())
    assert not any(entry.is_variant or entry.options for entry in CONTENDERS.values())
    assert not set(VARIANTS) & set(CONTENDERS)


def test_full_protocol_is_the_network_of_the_paper() -> None:
    torch = pytest.importorskip("torch")
    from graven.nets import build_net

    network = run_recipe(PROTOCOLS["full"], CONTENDERS["begl"], seed=1).network
    with torch.device("meta"):
        net = build_net(network.name, **network.options)
    # 31,378,945: the count of the specification for 64 to 1024 channels, with biases and without normalisation.
    assert sum(parameter.numel() for parameter in net.parameters()) == 31_378_945


def test_small_protocol_keeps_the_published_rate_per_image_of_a_batch() -> None:
    full, small = PROTOCOLS["full"], PROTOCOLS["small"]
    assert full.lr == 1e-4
    assert full.batch_size == 2
    assert small.lr == pytest.approx(full.lr * small.batch_size / full.batch_size)


def test_published_columns_show_the_identity_of_f1_and_dsc() -> None:
    assert list(PUBLISHED) == list(CONTENDERS)
    for row in PUBLISHED.values():
        assert row["f1"] == row["dsc"]
        # Near F1 of the printed precision and recall, not equal: the printed values are means over images.
        f1 = 2 * row["precision"] * row["recall"] / (row["precision"] + row["recall"])
        assert f1 == pytest.approx(row["f1"], abs=0.015)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: choose_protocol("large"), "takes small or full, got 'large'"),
        (lambda: choose_protocol("small", epochs=0), "--epochs must be at least 1, got 0"),
        (lambda: choose_contenders(("begl", "mse"), ()), "--losses takes any of be,focal,dice,bce,begl, got 'mse'"),
        (lambda: choose_contenders(None, ("begl",)), "--variants takes any of .*, got 'begl'"),
        (lambda: choose_contenders((), ()), "at least one loss"),
    ],
)
def test_unknown_names_are_refused_with_the_choices(call, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
