"""From a bundle to a training, and from its best weights to a bundle that every verb can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven._version import __version__
from graven.errors import DefectError, MismatchError
from graven.io.bundle import read_bundle, write_bundle
from graven.prepare.chain import FRAME_STEPS
from graven.types import (
    CONDITION_CLASSES,
    ENGRAVING_CLASSES,
    PETROGLYPH_CLASSES,
    ClassTable,
    ModelSpec,
    Normalisation,
    PrepareStep,
    Window,
    raster_from_array,
)
from graven.types.labels import named_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.io.bundle import Bundle
    from graven.train.loop import FitResult
    from graven.train.panels import Panel
    from graven.train.recipe import Recipe
    from graven.train.task import Standardised, Task

__all__ = ["best_network", "check_pixels", "leave_bundle", "refining_pixels", "start_bundle"]

CHECK_PX = 128
BANDS = ("red", "green", "blue")
_TABLES = {"petroglyph": PETROGLYPH_CLASSES, "engraving": ENGRAVING_CLASSES, "condition": CONDITION_CLASSES}


def best_network(net: Standardised, run: Path) -> Standardised:
    """Load the weights of the best validation into a network, which is changed in place, for evaluation.

    Parameters
    ----------
    net : Standardised
        Of the shape that was trained.
    run : Path
        Folder of the training.

    Returns
    -------
    Standardised
        The same object.
    """
    from graven.train.checkpoint import load_tensors

    tensors, _ = load_tensors(run / "best.safetensors")
    net.load_state_dict(tensors)
    return net.eval()


def check_pixels(panel: Panel, side_px: int = CHECK_PX) -> NDArray[np.uint8]:
    """Cut the pixels on which a bundle tests itself from the middle of a panel, mirrored where it is smaller.

    Parameters
    ----------
    panel : Panel
        A prepared photograph.
    side_px : int, pixels
        Side of the square.

    Returns
    -------
    ndarray of shape (1, C, side_px, side_px), uint8
        A batch of one.
    """
    raster = raster_from_array(np.asarray(panel.image))
    row, col = (max(0, (length - side_px) // 2) for length in (raster.height, raster.width))
    pixels: NDArray[np.uint8] = raster.read(Window(row, col, side_px, side_px))[None]
    return pixels


def refining_pixels(task: Task, panel: Panel, *, tile_px: int) -> NDArray[np.float32]:
    """Cut what a bundle that refines tests itself on: a tile, the first answer to it, and a stroke.

    Parameters
    ----------
    task : RefineTask
        Knows the first network and the person who draws.
    panel : Panel
        A prepared surface.
    tile_px : int, pixels
        Side of the tile.

    Returns
    -------
    ndarray of shape (1, C + 2, tile_px, tile_px), float32
        A batch of one.
    """
    from graven.train.dataset import validation_tiles
    from graven.train.refine_task import RefineTask
    from graven.train.task import collate

    if not isinstance(task, RefineTask):
        raise TypeError(f"only a network that refines is shown strokes, got {type(task).__name__}")
    batch = collate(validation_tiles([panel], tile_px=tile_px, max_per_panel=1))
    initial, hints = task.interaction(batch)
    return np.concatenate([batch.image.numpy(), initial.numpy(), hints[:, None]], axis=1).astype(np.float32)


def start_bundle(plan: Recipe, start: str | Path, *, class_names: Sequence[str], say: Callable[[str], None]) -> Bundle:
    """Read the bundle that a training begins with.

    Parameters
    ----------
    plan : Recipe
        What is to be trained.
    start : str or Path
        Name or path of the bundle.
    class_names : sequence of str
        Of data with several classes; empty for one.
    say : callable
        Told where the preparation is another one.

    Returns
    -------
    Bundle
        Of the network that the recipe names, and of the classes of the data.

    Raises
    ------
    MismatchError
        If it is not.
    """
    bundle = read_bundle(start)
    spec = bundle.spec
    if (spec.network, spec.network_options) != (plan.network.name, plan.network.options):
        raise MismatchError(
            f"--from {spec.name} is a {spec.network} with {spec.network_options}, but the recipe {plan.name!r} is for "
            f"{plan.network.name} with {plan.network.options}"
        )
    known = [entry.name for entry in spec.classes.classes]
    if class_names and list(class_names) != known:
        raise MismatchError(
            f"--from {spec.name} knows the classes {', '.join(known)}, but the data hold {', '.join(class_names)}"
        )
    prepared = [(step.name, step.options) for step in spec.prepare if step.name not in FRAME_STEPS]
    if prepared != [(step.name, step.options) for step in plan.prepare]:
        say(f"{spec.name} was trained with another preparation than that of {plan.name}")
    return bundle


def leave_bundle(
    output: Path,
    plan: Recipe,
    net: Standardised,
    panel: Panel,
    result: FitResult,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    class_names: Sequence[str],
    bands: Sequence[str] = (),
    first: Standardised | None = None,
    say: Callable[[str], None],
) -> Path | None:
    """Write the best weights of a training as ``bundle`` in its folder.

    Parameters
    ----------
    output : Path
        Folder of the training.
    plan : Recipe
        What was trained; not for a gate, whose threshold has to be calibrated.
    net : Standardised
        The network that was trained; left with the best weights.
    panel : Panel
        A validation panel, of which the bundle keeps a cut for its self-test.
    result : FitResult
        How the training ended.
    mean, std : sequence of float, 0 to 255
        Standardisation.
    class_names : sequence of str
        Of data with several classes; empty for one.
    bands : sequence of str
        Names of the bands of a surface; empty for photographs.
    first : Standardised, optional
        Of a network that refines, the one whose answers it betters.
    say : callable
        Told why there is no bundle.

    Returns
    -------
    Path or None
        The bundle; None for a network that cannot be exported, which costs the bundle and not the training.
    """
    from graven.train.recipe import recipe_hash

    facts = {
        "recipe": f"{plan.name}, SHA-256 {recipe_hash(plan)[:12]}",
        "updates": f"{result.steps}, best after {result.best_step}",
        "best validation score": f"{result.best_score:.4f}",
    }
    try:
        return _trained_bundle(
            output / "bundle",
            plan,
            net,
            output,
            panel,
            mean=mean,
            std=std,
            class_names=class_names,
            bands=bands,
            first=first,
            facts=facts,
        ).path
    except DefectError as error:
        say(f"no bundle was written: {error}")
        return None


def _trained_bundle(
    folder: Path,
    plan: Recipe,
    net: Standardised,
    run: Path,
    panel: Panel,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    class_names: Sequence[str],
    bands: Sequence[str],
    first: Standardised | None,
    facts: dict[str, Any],
) -> Bundle:
    """Describe and write it: tiles as in validation, a quarter of them shared, threshold 0.5, no smallest object."""
    from graven.train.export import export_onnx
    from graven.train.run import build_task, bundled_network

    tile_px = plan.data.validation_tile_px
    check_input: NDArray[Any] = check_pixels(panel, min(CHECK_PX, tile_px))
    if plan.task == "refine":
        check_input = refining_pixels(build_task(plan, first=first), panel, tile_px=min(CHECK_PX, tile_px))
    export = export_onnx(best_network(net, run), run / "model.onnx", check_input=check_input)
    network, options = bundled_network(plan)
    spec = ModelSpec(
        name=plan.name,
        version="1.0",
        method=plan.method,
        role="refine" if plan.task == "refine" else "segment",
        network=network,
        network_options=options,
        classes=_classes(plan, class_names),
        bands=_bands(plan, bands, n_bands=len(mean)),
        pixel_size_mm=plan.data.pixel_size_mm,
        tile_px=tile_px,
        overlap_px=tile_px // 4,
        normalisation=Normalisation(tuple(mean), tuple(std)),
        prepare=tuple(PrepareStep(step.name, step.options) for step in plan.prepare),
        threshold=0.5,
        min_object_mm2=0.0,
        companions={},
        sha256="",
    )
    told = "\n".join(f"* {name}: {value}" for name, value in facts.items())
    card = (
        f"# {plan.name} 1.0\n\nTrained with graven {__version__} (`graven train`). Nobody has looked at its figures "
        f"yet; judge it on images that took no part before you use it.\n\n{told}\n"
    )
    bundle = write_bundle(folder, spec, export.path, card, check=(export.check_input, export.check_output))
    export.path.unlink()
    return bundle


def _bands(plan: Recipe, bands: Sequence[str], *, n_bands: int) -> tuple[str, ...]:
    """Name the bands of a network: those of its surface, of a photograph, and what a network that refines is shown."""
    beside = ("logit", "hint") if plan.task == "refine" else ()
    n_seen = n_bands - len(beside)
    seen = tuple(bands) or (BANDS[:n_seen] if n_seen <= len(BANDS) else tuple(f"band_{n + 1}" for n in range(n_seen)))
    return (*seen, *beside)


def _classes(plan: Recipe, class_names: Sequence[str]) -> ClassTable:
    """Give the classes of the method where the names are its own, else a table of the names."""
    table = _TABLES.get(plan.method)
    names = list(class_names)
    if (
        table is not None
        and (not names or names == [entry.name for entry in table.classes])
        and (plan.task == "classes") == (len(table) > 1)
    ):
        return table
    return named_classes(names or ["foreground"])
