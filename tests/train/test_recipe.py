"""Recipes: YAML and back, every mistake named with what was expected."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from graven.errors import DataError, InputError
from graven.losses import LOSSES
from graven.nets import NETS
from graven.train.augment import Augment
from graven.train.recipe import (
    Data,
    Named,
    Optimiser,
    Recipe,
    Run,
    Schedule,
    bundled_recipes,
    read_recipe,
    recipe_from_text,
    recipe_hash,
    recipe_to_text,
)
from graven.train.run import build_model, build_task, n_outputs
from graven.train.schedule import rate_at

MINIMAL = "name: a\nmethod: petroglyph\nnetwork: unet\nloss: begl\nrun: {max_steps: 5}\n"

floats = st.floats(0.001, 0.999)
recipes = st.builds(
    Recipe,
    name=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
    method=st.sampled_from(["petroglyph", "engraving", "condition", "relief"]),
    network=st.builds(Named, st.sampled_from(["unet", "compact_unet"]), st.just({"widths": [4, 8], "norm": None})),
    loss=st.builds(Named, st.sampled_from(["begl", "dice"]), st.dictionaries(st.sampled_from("xyz"), floats)),
    task=st.sampled_from(["segment", "gate"]),
    prepare=st.lists(st.builds(Named, st.just("clahe"), st.just({"clip_limit": 2.0}))).map(tuple),
    data=st.builds(Data, crop_px=st.integers(8, 512), positive_share=st.none() | floats),
    augment=st.builds(Augment, flips=st.booleans(), scale=floats, noise=floats),
    optimiser=st.builds(
        Optimiser, name=st.sampled_from(["adam", "adamw", "sgd"]), lr=floats, clip_norm=st.none() | floats
    ),
    schedule=st.builds(Schedule, name=st.just("cosine"), options=st.just({"warmup": 2.0})),
    run=st.builds(
        Run, max_steps=st.integers(1, 10**6), patience=st.none() | st.integers(1, 99), seed=st.integers(0, 99)
    ),
)


@given(recipe=recipes)
def test_writing_and_reading_is_the_identity(recipe: Recipe) -> None:
    assert recipe_from_text(recipe_to_text(recipe)) == recipe


def test_defaults_fill_what_is_left_out() -> None:
    recipe = recipe_from_text(MINIMAL)
    assert recipe == Recipe("a", "petroglyph", Named("unet"), Named("begl"), run=Run(max_steps=5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"los": "dice"}, "the recipe does not know 'los'; its keys are name, method, network, loss, task"),
        ({"data": {"crop": 3}}, "data does not know 'crop'; its keys are crop_px, batch_size"),
        ({"data": {"crop_px": 2.5}}, "data.crop_px must be a whole number, got 2.5"),
        ({"data": {"crop_px": True}}, "data.crop_px must be a whole number, got True"),
        ({"data": {"batch_size": 0}}, "data.batch_size must be at least 1, got 0"),
        ({"optimiser": {"lr": "1e-4"}}, "optimiser.lr must be a number, got '1e-4'; YAML reads 1e-4 as text"),
        ({"optimiser": {"lr": 0}}, "optimiser.lr must be positive"),
        ({"optimiser": {"ema_decay": 1}}, "optimiser.ema_decay must be at least 0 and below 1"),
        ({"optimiser": {"name": "lion"}}, "optimiser.name must be one of adam, adamw, sgd, got 'lion'"),
        ({"schedule": {"name": "linear"}}, "unknown schedule 'linear'; choose one of constant, time_decay"),
        ({"schedule": {"name": "cosine", "counts": "minutes"}}, "a schedule counted in minutes needs run.max_minutes"),
        ({"augment": {"flips": 1}}, "augment.flips must be true or false, got 1"),
        ({"run": {"max_minutes": 0}}, "run.max_minutes must be positive, got 0.0"),
        ({"run": {}}, "run needs an end: give max_epochs, max_steps or max_minutes"),
        ({"prepare": "clahe"}, "prepare must be a list, got 'clahe'"),
        ({"network": {"options": {}}}, "network needs 'name'; its keys are name, options"),
        ({"network": 3}, "network must be a section with the keys name, options, got 3"),
        ({"name": None}, "name must be text, got None"),
    ],
)
def test_a_mistake_is_named(change: dict[str, object], message: str) -> None:
    text = yaml.safe_dump({**yaml.safe_load(MINIMAL), **change})
    with pytest.raises(DataError) as caught:
        recipe_from_text(text, where="r.yaml")
    assert str(caught.value).startswith(f"r.yaml: {message}")


def test_damaged_yaml_and_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x is not valid YAML"):
        recipe_from_text("a: [1", where="x")
    with pytest.raises(
        InputError, match="there is no recipe 'nothing'; give a YAML file or one of: condition-finetune, "
    ):
        read_recipe("nothing")
    path = tmp_path / "mine.yaml"
    path.write_text(MINIMAL, encoding="utf-8")
    assert read_recipe(path).name == "a"


@pytest.mark.parametrize("name", bundled_recipes())
def test_bundled_recipes_name_parts_that_exist(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.network.name in NETS
    assert recipe.task == "gate" or recipe.loss.name in LOSSES
    first = build_model(read_recipe("petroglyph-segment"), mean=(0.0,) * 3, std=(1.0,) * 3)
    assert build_task(recipe, first=first).score_name in {"miou", "auc", "pfm", "gain"}


def test_the_hash_sees_what_changes_the_result_and_nothing_else() -> None:
    base = recipe_from_text(MINIMAL)
    renamed = dataclasses.replace(base, name="b", data=dataclasses.replace(base.data, loader_threads=4))
    longer = dataclasses.replace(base, run=dataclasses.replace(base.run, max_steps=99))
    other = dataclasses.replace(base, run=dataclasses.replace(base.run, seed=1))
    assert recipe_hash(base) == recipe_hash(renamed) == recipe_hash(longer)
    assert recipe_hash(base) != recipe_hash(other)
    cosine = dataclasses.replace(base, schedule=Schedule("cosine"))
    assert recipe_hash(cosine) != recipe_hash(dataclasses.replace(longer, schedule=Schedule("cosine")))


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("petroglyph-paper", "8734b9007d3de0cb0e0997597d9f49dfdb46898d6e9f11ee35210eac19d7093d"),
        ("petroglyph-segment", "add1d20899ef0fe16d6f06b3433cc77f43321bd1b0937863068b74186b301656"),
        ("petroglyph-gate", "25a8ca1cbcc0d41fac62bb25776de9d6c7e741fb7140fd375173ca4dbd7e43d6"),
    ],
)
def test_recipes_that_were_there_keep_their_hash(name: str, digest: str) -> None:
    """Options that came later do not count while they change nothing: runs in progress can be resumed."""
    recipe = read_recipe(name)
    assert recipe_hash(recipe) == digest
    turned = dataclasses.replace(recipe, augment=dataclasses.replace(recipe.augment, hue_deg=1.0))
    assert recipe_hash(turned) != digest


def test_the_recipe_of_the_craquelure_paper_is_as_printed() -> None:
    recipe = read_recipe("condition-paper")
    assert (recipe.network.name, recipe.loss.name, recipe.task) == ("res_unet", "mixed1", "classes")
    assert (recipe.data.crop_px, recipe.data.batch_size, recipe.run.max_epochs) == (512, 8, 100)
    assert (recipe.freeze.part, recipe.freeze.epochs) == ("encoder", 50)
    schedule = recipe.schedule

    def rate(epoch: int) -> float:
        return rate_at(schedule.name, epoch, lr=recipe.optimiser.lr, total=100, options=schedule.options)

    assert (rate(0), rate(3), rate(99)) == pytest.approx((1e-5, 1e-4, 1e-6))
    assert n_outputs(recipe) == n_outputs(read_recipe("condition-segment")) == 3
