"""A bundle learns from labelled photographs, and is kept only if it became better."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graven.api.finetune import Finetuned, finetune
from graven.api.finetune_page import Comparison, explain
from graven.cli.console import Console
from graven.errors import MismatchError, UsageError
from graven.io.bundle import read_bundle, read_check, verify_bundle, write_bundle
from graven.types import CONDITION_CLASSES, ModelSpec, Normalisation

pytest.importorskip("torch")
pytest.importorskip("lightning")

SIDE = 96
RECIPE = """
name: quick
method: condition
task: classes
network: unet
loss: mixed1
data: {crop_px: 32, batch_size: 4, items_per_epoch: 32, positive_share: 0.5, validation_tile_px: 32}
optimiser: {name: adam, lr: 0.02}
run: {max_steps: STEPS, validate_every_steps: 10, checkpoint_every_steps: 10, precision: fp32, seed: 2}
"""


@pytest.fixture(scope="module")
def novice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for paintings whose network has learnt nothing yet."""
    return _bundle(tmp_path_factory.mktemp("novice"), "unet", {"widths": [4, 8], "n_classes": 3})


def _bundle(folder: Path, network: str, options: dict[str, object]) -> Path:
    """Write a bundle of a network with random weights."""
    import torch

    from graven.nets import build_net
    from graven.train.export import export_onnx
    from graven.train.task import Standardised

    torch.manual_seed(0)
    model = Standardised(build_net(network, **options), mean=(128.0,) * 3, std=(50.0,) * 3, is_exclusive=True)
    export = export_onnx(model.eval(), folder / "novice.onnx", check_input=np.zeros((1, 3, 64, 64), np.uint8))
    spec = ModelSpec(
        name="novice",
        version="1.0",
        method="condition",
        role="segment",
        network=network,
        network_options=options,
        classes=CONDITION_CLASSES,
        bands=("red", "green", "blue"),
        pixel_size_mm=0.1,
        tile_px=64,
        overlap_px=16,
        normalisation=Normalisation((128.0,) * 3, (50.0,) * 3),
        prepare=(),
        threshold=0.5,
        min_object_mm2=0.01,
        companions={},
        sha256="",
    )
    check = (export.check_input, export.check_output)
    return write_bundle(folder / "novice", spec, export.path, "# novice\n\nKnows nothing.\n", check=check).path


def _photographs(folder: Path, *, n: int = 6, loss: str = "paint_loss") -> Path:
    """Dark bars are craquelure, bright squares paint loss, drawn by hand in LabelMe."""
    folder.mkdir()
    for number in range(n):
        rng = np.random.default_rng(number)
        at = 8 + 3 * number
        pixels = rng.normal(120, 6, (SIDE, SIDE, 3))
        pixels[at : at + 6] -= 80
        pixels[60:84, at : at + 30] += 80
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"photo{number}.png")
        shapes = [
            {"label": "craquelure", "shape_type": "rectangle", "points": [[0, at], [SIDE, at + 6]]},
            {"label": loss, "shape_type": "rectangle", "points": [[at, 60], [at + 30, 84]]},
        ]
        document = {"version": "5.5.0", "imagePath": f"photo{number}.png", "imageHeight": SIDE, "imageWidth": SIDE}
        (folder / f"photo{number}.json").write_text(json.dumps(document | {"shapes": shapes}), encoding="utf-8")
    return folder


def _recipe(folder: Path, steps: int = 60) -> Path:
    path = folder / "quick.yaml"
    path.write_text(RECIPE.replace("STEPS", str(steps)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def taught(novice: Path, tmp_path_factory: pytest.TempPathFactory) -> Finetuned:
    folder = tmp_path_factory.mktemp("taught")
    photographs = _photographs(folder / "photographs")
    return finetune(photographs, model=str(novice), recipe=_recipe(folder), out=folder / "better")


def test_labelled_photographs_make_a_bundle_better(taught: Finetuned, novice: Path) -> None:
    assert taught.counts == {"train": 4, "val": 1, "test": 1}
    assert taught.after["miou"] > max(0.6, taught.before["miou"])
    assert taught.after["iou_paint_loss"] > taught.before["iou_paint_loss"]
    bundle = read_bundle(taught.path / "bundle")
    assert (bundle.spec.name, bundle.spec.version) == ("better", "1.0+finetuned")
    assert bundle.spec.classes == CONDITION_CLASSES
    assert read_check(bundle) is not None
    assert verify_bundle(bundle)
    for told in ("Fine-tuned from novice 1.0", f"| miou | {taught.before['miou']:.3f} | {taught.after['miou']:.3f} |"):
        assert told in bundle.card
    assert read_bundle(novice).card in bundle.card


def test_the_page_shows_both_models_on_what_took_no_part(taught: Finetuned) -> None:
    page = (taught.path / "comparison.html").read_text(encoding="utf-8")
    account = json.loads((taught.path / "run.json").read_text(encoding="utf-8"))
    (judged,) = account["sides"]["test"]
    assert f"{judged}, before" in page
    assert f"{judged}, after" in page
    assert not {judged} & {*account["sides"]["train"], *account["sides"]["val"]}
    assert account["before"]["miou"] == taught.before["miou"]
    assert all(sentence in page for sentence in taught.sentences)


def test_a_finished_run_can_be_taken_up_again_and_stays(taught: Finetuned, novice: Path) -> None:
    folder = taught.path.parent
    again = finetune(
        folder / "photographs", model=str(novice), recipe=folder / "quick.yaml", out=taught.path, resume=True
    )
    assert again.after == taught.after
    with pytest.raises(UsageError, match="better"):
        finetune(folder / "photographs", model=str(novice), recipe=folder / "quick.yaml", out=taught.path)


def test_a_run_does_not_resume_with_another_meaning_of_the_labels(novice: Path, tmp_path: Path) -> None:
    photographs = _photographs(tmp_path / "photographs")
    options = {"model": str(novice), "out": tmp_path / "out"}
    finetune(photographs, recipe=_recipe(tmp_path, steps=10), **options)
    with pytest.raises(MismatchError, match="made from something else"):
        finetune(
            photographs,
            recipe=_recipe(tmp_path, steps=20),
            classes={"craquelure": ("paint_loss",), "paint_loss": ("craquelure",)},
            resume=True,
            **options,
        )


def test_a_model_that_nothing_betters_is_not_replaced(taught: Finetuned, tmp_path: Path) -> None:
    """Half of the labels are exchanged, and the rate is so low that nothing can be learnt."""
    photographs = _photographs(tmp_path / "photographs")
    for number in range(6):
        path = photographs / f"photo{number}.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        if number % 2:
            for shape in document["shapes"]:
                shape["label"] = "craquelure" if shape["label"] == "paint_loss" else "paint_loss"
        path.write_text(json.dumps(document), encoding="utf-8")
    recipe = tmp_path / "still.yaml"
    recipe.write_text(RECIPE.replace("STEPS", "10").replace("lr: 0.02", "lr: 1.0e-9"), encoding="utf-8")
    result = finetune(photographs, model=str(taught.path / "bundle"), recipe=recipe, out=tmp_path / "same")
    assert result.bundle is None
    assert not (tmp_path / "same" / "bundle").exists()
    assert any("no bundle was written" in sentence for sentence in result.sentences)
    assert result.after["miou"] == pytest.approx(result.before["miou"], abs=0.01)


def test_sentences_follow_from_the_numbers(tmp_path: Path) -> None:
    def told(scores: list[float], before: float, after: float) -> str:
        rows = "\n".join(f"{25 * number},{score}" for number, score in enumerate(scores))
        (tmp_path / "validation.csv").write_text(f"step,miou\n{rows}\n", encoding="utf-8")
        return " ".join(explain(tmp_path, Comparison({"miou": before}, {"miou": after}, (), ())))

    overfitted = told([0.5, 0.7, 0.6], 0.5, 0.65)
    assert "rose from 0.500 to 0.700 after 25 updates" in overfitted
    assert "fell by 0.100" in overfitted
    assert "overfitting" in overfitted
    assert "better by 0.150" in overfitted
    steady = told([0.5, 0.6, 0.7], 0.5, 0.4)
    assert "overfitting" not in steady
    assert "not better (MIoU -0.100)" in steady
    assert "No update made the model better" in told([0.5, 0.4], 0.5, 0.5)


def test_photographs_of_cracks_alone_will_do(novice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photographs, recipe = _photographs(tmp_path / "photographs", loss="shadow"), _recipe(tmp_path, steps=10)
    options = {"model": str(novice), "recipe": recipe, "out": tmp_path / "out"}
    result = finetune(photographs, classes={"craquelure": ("craquelure",)}, monitor=Console(), **options)
    assert "paint_loss: said to be in none of the photographs" in capsys.readouterr().err
    assert result.counts["train"] == 4


def test_plain_masks_of_one_class_get_its_number(novice: Path, tmp_path: Path) -> None:
    for part in ("images", "masks"):
        (tmp_path / "set" / part).mkdir(parents=True)
    for number in range(5):
        pixels = np.random.default_rng(number).normal(120, 6, (SIDE, SIDE, 3))
        pixels[20:30] -= 80
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[20:30] = 255
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "set" / "images" / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / "set" / "masks" / f"{number}.png")
    options = {"model": str(novice), "recipe": _recipe(tmp_path, steps=40), "out": tmp_path / "out"}
    result = finetune(tmp_path / "set", classes={"craquelure": ()}, **options)
    assert result.after["iou_craquelure"] > max(0.5, result.before["iou_craquelure"])


def test_photographs_are_brought_to_the_scale_of_the_model(novice: Path, tmp_path: Path) -> None:
    from graven.io.labelme import list_labelme
    from graven.studies.sources import scaled_source

    items = list_labelme(_photographs(tmp_path / "photographs", n=1))
    spec = read_bundle(novice).spec
    (_, _, read), (_, _, half) = *scaled_source(items, spec), *scaled_source(items, spec, scale="0.05mm/px")
    whole, small = read(), half()
    assert whole[0].shape[1:] == (SIDE, SIDE)
    assert small[0].shape[1:] == small[1].shape == (SIDE // 2, SIDE // 2)
    assert small[1].mean() == pytest.approx(whole[1].mean(), rel=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": {"crack": ("craquelure",)}}, "--classes craquelure=LABEL,paint_loss=LABEL"),
        ({"labels": ["craquelure"]}, "tells craquelure, paint_loss apart"),
        ({"classes": {"craquelure": (), "paint_loss": ("hole",)}}, "takes labels out of craquelure, paint_loss"),
        ({"max_minutes": 0}, "--max-minutes"),
        ({"model": "petroglyph-gate"}, "cannot be fine-tuned"),
    ],
)
def test_what_does_not_fit_is_refused(novice: Path, tmp_path: Path, options: dict[str, object], words: str) -> None:
    photographs = _photographs(tmp_path / "photographs", n=5)
    with pytest.raises(UsageError, match=words):
        finetune(photographs, **{"model": str(novice), "out": tmp_path / "out", **options})
    assert not (tmp_path / "out").exists()


def test_too_few_photographs_and_a_foreign_recipe_are_refused(novice: Path, tmp_path: Path) -> None:
    few = _photographs(tmp_path / "few", n=4)
    with pytest.raises(UsageError, match=r"at least 5 labelled photographs .* got 4"):
        finetune(few, model=str(novice), out=tmp_path / "out")
    with pytest.raises(UsageError, match="takes labels out of"):
        finetune(_photographs(tmp_path / "named", loss="loss"), model=str(novice), out=tmp_path / "out")
    with pytest.raises(MismatchError, match="is for petroglyph"):
        finetune(few, model=str(novice), recipe="petroglyph-finetune", out=tmp_path / "out")
    with pytest.raises(UsageError, match="no folder"):
        finetune(tmp_path / "nowhere", model=str(novice))


@pytest.mark.slow
def test_the_recipe_for_petroglyphs_runs_as_it_stands(tmp_path: Path) -> None:
    """An update or two of the bundled model; whether it becomes better is for real photographs to say."""
    for part in ("images", "masks"):
        (tmp_path / "rock" / part).mkdir(parents=True)
    for number in range(5):
        pixels = np.random.default_rng(number).normal(120, 12, (160, 160, 3))
        mask = np.zeros((160, 160), np.uint8)
        mask[40 : 60 + 8 * number, 50:110] = 255
        pixels[mask > 0] += 50
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "rock" / "images" / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / "rock" / "masks" / f"{number}.png")
    result = finetune(tmp_path / "rock", model="petroglyph", out=tmp_path / "out", max_minutes=0.001)
    assert result.counts == {"train": 3, "val": 1, "test": 1}
    told = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    spec = read_bundle("petroglyph").spec
    assert (told["settings"]["name"], told["settings"]["loss"]["name"]) == ("petroglyph-finetune", "begl")
    assert [step["name"] for step in told["settings"]["prepare"]] == [step.name for step in spec.prepare]
    assert told["settings"]["network"]["options"] == spec.network_options
    assert (told["result"]["stopped_by"], told["result"]["steps"]) == ("minutes", 1)
    assert set(result.before) == set(result.after) == {"miou", "iou_background", "iou_pecked"}
    if told["result"]["best_step"] == 0:
        assert result.after == pytest.approx(result.before, abs=0.01), "the weights are those it came with"
    assert (tmp_path / "out" / "comparison.html").is_file()


@pytest.mark.slow
def test_a_network_with_norms_of_its_own_is_taught_as_well(tmp_path: Path) -> None:
    """Ten updates of a network that has learnt nothing; `tests/train/test_transfer.py` has the others."""
    from graven.train.checkpoint import load_tensors

    options: dict[str, object] = {"encoder": "resnet18", "narrowing": 8, "n_classes": 3}
    model = _bundle(tmp_path, "res_unet", options)
    out = tmp_path / "out"
    result = finetune(_photographs(tmp_path / "photos"), model=str(model), recipe=_recipe(tmp_path, steps=10), out=out)
    told = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert told["settings"]["network"] == {"name": "res_unet", "options": options}
    assert told["result"]["steps"] == 10
    assert (out / "bundle").exists() == (result.after["miou"] > result.before["miou"])
    weights, _ = load_tensors(out / "training" / "best.safetensors")
    assert "net.encoder.layer4.1.conv2.bias" in weights, "the norms have gone into the convolutions"
    assert not [name for name in weights if "running" in name]
