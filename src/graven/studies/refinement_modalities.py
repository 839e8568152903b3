"""What the first network should see: height, normals, albedo, or several of them, on the same bronzes under lights.

The paper's predecessor asked this on mirrors and found the height alone best. Here every bronze is photographed under a
dome of lights, photometric stereo gives normals and albedo, and the height is integrated from the normals, so that all
layers have the errors of one measurement.

::

    <study>/data/modalities/            panels of five bands
    <study>/runs/sees-<layers>-s<seed>/ one network for each combination
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.io.fs import write_text_atomic
from graven.photometric.integrate import integrate_normals
from graven.photometric.robust import robust_normals
from graven.prepare.chain import PrepareChain
from graven.studies.refinement_judge import score_tiles
from graven.studies.refinement_protocol import first_recipe
from graven.studies.refinement_scores import patches_csv
from graven.studies.running import Lessons, do_run
from graven.studies.sources import write_stores
from graven.studies.surfaces import grown, training_bronzes
from graven.synthetic.bronze_light import dome_lights, exposure, render_bronze_lights
from graven.synthetic.testsets import BRONZE_PIXEL_SIZE_MM, BRONZE_VERSION, ENGRAVING_VAL
from graven.train.dataset import validation_tiles
from graven.train.panels import band_statistics
from graven.train.recipe import Named
from graven.types import PixelSize, PrepareStep, raster_from_array
from graven.types.surface import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.studies.listener import Listener
    from graven.studies.refinement_contenders import Modality
    from graven.studies.refinement_protocol import RefinementProtocol
    from graven.studies.sources import Source
    from graven.synthetic.engraving import EngravingPanel
    from graven.synthetic.testsets import BronzeSpec
    from graven.train.panels import Panel, PanelStore
    from graven.train.recipe import Recipe
    from graven.train.task import Standardised

    Pixels = tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]

__all__ = ["ModalityData", "modality_data", "modality_recipe", "stereo_surface", "train_modality"]

STEP_OF = {"height": "highpass", "normals": "normals", "albedo": "albedo"}
N_LIGHTS = 20
SATURATED = 0.999


@dataclass(frozen=True, slots=True)
class ModalityData:
    """Bronzes with all layers.

    Attributes
    ----------
    train, val, test : PanelStore
        Five bands each.
    sets : dict of str to str
        Test set of each test panel.
    origin : dict
        What they are made from.
    """

    train: PanelStore
    val: PanelStore
    test: PanelStore
    sets: dict[str, str]
    origin: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of all panels."""
        return "".join(store.sha256[:16] for store in (self.train, self.val, self.test))

    def lessons(self, modality: Modality) -> Lessons:
        """Open what a network of some layers learns from; it is the same but for the bands."""
        train, val = (tuple(_seen(panel, modality) for panel in store.open()) for store in (self.train, self.val))
        return Lessons(train, val, self.sha256, *band_statistics(train))


def modality_data(
    folder: Path, protocol: RefinementProtocol, tests: dict[str, tuple[BronzeSpec, ...]], *, monitor: Listener
) -> ModalityData:
    """Photograph the bronzes of a protocol under lights and solve for their layers, or open those that are there.

    Parameters
    ----------
    folder : Path
        Where the stores lie; work that was interrupted continues.
    protocol : RefinementProtocol
        Numbers and size.
    tests : dict of str to tuple of BronzeSpec
        Test sets.
    monitor : Listener
        Hears progress.

    Returns
    -------
    ModalityData
        The same bronzes as of the other parts, measured in another way.

    Raises
    ------
    MismatchError
        If the folder holds other bronzes.
    """
    sides = {
        "train": training_bronzes(protocol.n_train),
        "val": ENGRAVING_VAL[: protocol.n_val],
        "test": tuple(spec for specs in tests.values() for spec in specs),
    }
    origin = {
        "kind": "procedural bronzes under lights",
        "generator": BRONZE_VERSION,
        "n_lights": N_LIGHTS,
        "panel_px": protocol.panel_px,
        "seeds": {side: [[spec.seed, spec.degradation] for spec in specs] for side, specs in sides.items()},
    }
    sources = {side: _sources(specs, protocol.panel_px) for side, specs in sides.items()}
    n = sum(len(specs) for specs in sides.values())
    stores = write_stores(folder, sources, origin=origin, n=n, what="photographing bronzes", monitor=monitor)
    sets = {_name(spec): key for key, specs in tests.items() for spec in specs}
    return ModalityData(**stores, sets=sets, origin=origin)


def _name(spec: BronzeSpec) -> str:
    return f"{spec.degradation}-{spec.seed}"


def _sources(specs: Iterable[BronzeSpec], size_px: int) -> Iterator[Source]:
    for spec in specs:
        yield _name(spec), _name(spec), partial(_measured, spec, size_px)


def _measured(spec: BronzeSpec, size_px: int) -> Pixels:
    panel = grown(spec, size_px=size_px)
    layers = stereo_surface(panel)
    known = panel.object_mask & np.isfinite(layers).all(axis=0)
    size = PixelSize(BRONZE_PIXEL_SIZE_MM, BRONZE_PIXEL_SIZE_MM, "user")
    chain = PrepareChain(tuple(PrepareStep(STEP_OF[layer]) for layer in LAYERS), n_bands=len(layers))
    prepared = chain.view(raster_from_array(layers, valid=known, pixel_size=size))
    return np.rint(prepared.read()).astype(np.uint8), panel.mask & known, known


def stereo_surface(panel: EngravingPanel) -> NDArray[np.float32]:
    """Measure a bronze by photometric stereo, as ``graven stereo`` does for metal.

    Parameters
    ----------
    panel : EngravingPanel
        What is photographed.

    Returns
    -------
    ndarray of shape (5, H, W), float32
        Height in millimetres, normal, albedo; NaN beside the object and where too few lights are left.
    """
    lights = dome_lights(N_LIGHTS)
    gain, rng = exposure(panel, lights), np.random.default_rng([panel.seed, 3])
    images = np.stack(
        [render_bronze_lights(panel, light[None], rng=rng)[0].mean(axis=0) * np.float32(gain) for light in lights]
    )
    fit = robust_normals(np.clip(images, 0, 1), lights, valid=panel.object_mask, bright=SATURATED)
    height = integrate_normals(fit.normals, panel.object_mask, pixel_size_mm=BRONZE_PIXEL_SIZE_MM)
    return np.concatenate([height[None], fit.normals, fit.albedo[None]]).astype(np.float32)


def modality_recipe(protocol: RefinementProtocol, modality: Modality, *, seed: int) -> Recipe:
    """Write the recipe of a network: that of the first network of the study, for other bands.

    Parameters
    ----------
    protocol : RefinementProtocol
        The budget.
    modality : Modality
        What the network sees.
    seed : int
        Of weights, order and crops.

    Returns
    -------
    Recipe
        Weights are chosen by pFM.
    """
    recipe = first_recipe(protocol, seed=seed, prepare=tuple(Named(STEP_OF[layer]) for layer in modality.layers))
    options = {**recipe.network.options, "in_channels": len(modality.bands)}
    every = protocol.first.steps // protocol.first.epochs
    return replace(
        recipe,
        name=f"refinement study: {modality.key}, seed {seed}",
        network=replace(recipe.network, options=options),
        run=replace(recipe.run, validate_every_steps=every),
    )


def train_modality(
    folder: Path,
    modality: Modality,
    *,
    seed: int,
    data: ModalityData,
    protocol: RefinementProtocol,
    monitor: Listener,
) -> bool:
    """Train and judge the network of a combination, or leave it if that was done.

    Parameters
    ----------
    folder : Path
        Folder of the study.
    modality : Modality
        What it sees.
    seed : int
        Of the network.
    data : ModalityData
        Panels.
    protocol : RefinementProtocol
        Budget and patches.
    monitor : Listener
        Hears progress.

    Returns
    -------
    bool
        Whether anything had to be done.

    Raises
    ------
    MismatchError
        If the folder holds a finished run of another recipe or other data.
    """
    place = folder / "runs" / f"{modality.key}-s{seed}"
    return do_run(
        place,
        modality_recipe(protocol, modality, seed=seed),
        data.lessons(modality),
        partial(_judge, place, modality, seed, data, protocol.patch_px, monitor),
        label=f"first network, {modality.label.lower()}",
        identity={"contender": modality.key, "seed": seed},
        monitor=monitor,
        score="pfm",
    )


def _judge(
    folder: Path,
    modality: Modality,
    seed: int,
    data: ModalityData,
    patch_px: int,
    monitor: Listener,
    model: Standardised,
) -> dict[str, Any]:
    """Score a network on the patches of the test."""
    from graven.train.answers import predict_logits

    scores = []
    with monitor.progress(f"testing {modality.key}, seed {seed}") as report:
        for done, entry in enumerate(data.test.entries, start=1):
            panel = _seen(data.test.open([entry.name])[0], modality)
            tiles = validation_tiles([panel], tile_px=patch_px)
            masks = predict_logits(model, _images(tiles)) >= 0
            subset = data.sets[panel.name]
            scores.append(score_tiles(masks, tiles, panel.name, subset=subset, contender=modality.key, seed=seed))
            report(done, len(data.test.entries))
    write_text_atomic(folder / "scores.csv", patches_csv(scores))
    return {}


def _images(tiles: Sequence[Any]) -> NDArray[np.float32]:
    return np.stack([tile.image for tile in tiles]).astype(np.float32)


def _seen(panel: Panel, modality: Modality) -> Panel:
    """Give a panel with some of its bands, as a view of the file."""
    bands = modality.bands
    step = bands[1] - bands[0] if len(bands) == 2 else 1
    return replace(panel, image=panel.image[bands[0] : bands[-1] + 1 : step])
