"""The proof that every engine of this machine answers as the network did in float32 when its bundle was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError, InputError, MismatchError
from graven.io.bundle import read_check
from graven.metrics import BinaryCounts, binary_counts, f1
from graven.predict.agreement import MAX_F1_CHANGE, Comparison, check_agreement
from graven.predict.classes import class_map
from graven.predict.engines import installed_engines, load_engine, load_variants
from graven.prepare.chain import PrepareChain
from graven.prepare.reduced import reduced_view
from graven.synthetic.bronze_scan import measured_height
from graven.synthetic.painting import UNKNOWN
from graven.synthetic.testsets import (
    BRONZE_PIXEL_SIZE_MM,
    CONDITION_VAL,
    ENGRAVING_VAL,
    PETROGLYPH_VAL,
    TEST_PIXEL_SIZE_MM,
    make_bronzes,
    make_paintings,
    make_panels,
)
from graven.types import (
    CONDITION_CLASSES,
    ENGRAVING_CLASSES,
    PETROGLYPH_CLASSES,
    PixelSize,
    TileGrid,
    raster_from_array,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graven.io.bundle import Bundle
    from graven.types import Engine, ModelSpec, Raster

    Sample = tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.bool_]]

__all__ = ["compare_engines"]

NOTHING = BinaryCounts(0, 0, 0, 0)


def compare_engines(bundle: Bundle, *, engine: str, n_panels: int) -> list[dict[str, Any]]:
    """Compare engines with the stored answer of a bundle, and on generated panels among themselves.

    Parameters
    ----------
    bundle : Bundle
        From `graven.io.bundle.read_bundle`.
    engine : str
        ``"all"`` that are installed, in every precision that they take here; ``"auto"``; or the name of one.
    n_panels : int, 0 to 16
        How many of the frozen validation panels to predict with every engine.

    Returns
    -------
    list of dict
        ``check``, a sentence; where an engine was compared also ``engine``, ``precision``, ``device``,
        ``mean_difference``, ``p999_difference``, ``flipped_share``, and on panels ``f1`` and ``f1_change``.

    Raises
    ------
    DataError
        If an engine is beyond the bounds of `graven.predict.agreement`, or one that was named cannot run the network.
    InputError
        If there are not so many panels, or the model is for something else than these show.
    """
    _check_panels(bundle.spec, n_panels)
    engines, rows = _load(bundle, engine)
    stored = read_check(bundle)
    if stored is None:
        rows.append({"check": "no input is stored with it, so no answer was compared"})
    else:
        rows += [_compare_stored(bundle.spec, entry, *stored) for entry in engines]
    if n_panels:
        rows += _compare_panels(bundle, engines, n_panels)
    return rows


def _check_panels(spec: ModelSpec, n_panels: int) -> None:
    if not 0 <= n_panels <= len(PETROGLYPH_VAL):
        raise InputError(f"there are {len(PETROGLYPH_VAL)} validation panels; --panels takes 0 to that, got {n_panels}")
    if not n_panels:
        return
    if spec.role == "refine":
        raise InputError(
            f"the model {spec.name!r} betters what another one answers by a person's strokes, which no panel has; "
            "verify it without --panels, and with them the model that it belongs to"
        )
    known = {"petroglyph": PETROGLYPH_CLASSES, "condition": CONDITION_CLASSES, "engraving": ENGRAVING_CLASSES}.get(
        spec.method
    )
    if known is None or [c.name for c in known.classes] != [c.name for c in spec.classes.classes]:
        raise InputError(
            f"--panels are petroglyphs, paintings with craquelure and paint loss, or engraved bronzes; the model "
            f"{spec.name!r} is for {spec.method} with {', '.join(entry.name for entry in spec.classes.classes)}"
        )
    made_for = (PrepareChain.from_spec(spec).layers, spec.pixel_size_mm)
    if spec.method == "engraving" and made_for != (("height",), BRONZE_PIXEL_SIZE_MM):
        raise InputError(
            f"the bronzes of --panels are heights of {BRONZE_PIXEL_SIZE_MM} mm per pixel; the model {spec.name!r} "
            f"takes {' and '.join(made_for[0]) or 'photographs'} of {spec.pixel_size_mm} mm, verify it without them"
        )


def _load(bundle: Bundle, engine: str) -> tuple[list[Engine], list[dict[str, Any]]]:
    """Load what is to be compared; a gate is only ever run in float32."""
    engines, rows = _load_all(bundle, engine)
    if bundle.spec.role == "gate":
        engines = [entry for entry in engines if entry.precision == "float32"]
    return engines, rows


def _load_all(bundle: Bundle, engine: str) -> tuple[list[Engine], list[dict[str, Any]]]:
    """Load engines in all their precisions; one that nobody named may decline, with a row that says why."""
    floats = bundle.spec.takes_floats
    if engine == "auto":
        precision = "float32" if bundle.spec.role == "gate" else "auto"
        return [load_engine(bundle.model_path, precision=precision, takes_floats=floats)], []
    if engine != "all":
        load_engine(bundle.model_path, engine=engine, takes_floats=floats)  # says what is wrong with the name
        return [*load_variants(bundle.model_path, engine, takes_floats=floats)], []
    loaded: list[Engine] = []
    rows: list[dict[str, Any]] = []
    for name in installed_engines():
        try:
            loaded += load_variants(bundle.model_path, name, takes_floats=floats)
        except DataError as error:
            if name != "torch":
                raise
            rows.append({"engine": name, "check": f"not run in torch: {error}"})
    return loaded, rows


def _compare_stored(
    spec: ModelSpec, engine: Engine, stored: NDArray[Any], expected: NDArray[np.float32]
) -> dict[str, Any]:
    comparison = Comparison(spec.threshold)
    comparison.add(engine(stored), expected)
    found = comparison.result()
    check_agreement(found, engine.precision, what=_title(engine))
    return {**_facts(engine, comparison), "check": f"{_title(engine)} gives the stored answer: {found}"}


def _compare_panels(bundle: Bundle, engines: list[Engine], n_panels: int) -> list[dict[str, Any]]:
    """Predict generated panels tile by tile with every engine, and compare scores with those in float32."""
    spec = bundle.spec
    plain = next((entry for entry in engines if entry.precision == "float32"), None)
    reference = plain or load_engine(bundle.model_path, engine=engines[0].name, precision="float32")
    comparisons = [Comparison(spec.threshold) for _ in engines]
    counts = [[NOTHING] * len(spec.classes) for _ in engines]
    expected_counts = [NOTHING] * len(spec.classes)
    for pixels, truth, known in TILES[spec.method](spec, n_panels):
        expected = _map(reference(pixels))
        size = expected.shape[1:]
        truths, seen = [_reduce(mask, size) for mask in truth], _reduce(known, size)
        expected_counts = _added(expected_counts, expected, truths, seen, spec.threshold)
        for index, engine in enumerate(engines):
            found = expected if engine is reference else _map(engine(pixels))
            comparisons[index].add(found[:, seen], expected[:, seen])
            counts[index] = _added(counts[index], found, truths, seen, spec.threshold)
    rows = []
    for engine, comparison, own in zip(engines, comparisons, counts, strict=True):
        score, change = _mean_f1(own), _mean_f1(own) - _mean_f1(expected_counts)
        check_agreement(comparison.result(), engine.precision, what=f"{_title(engine)} on {n_panels} panels")
        if not abs(change) <= MAX_F1_CHANGE:
            raise MismatchError(
                f"{_title(engine)} changes F1 on {n_panels} panels by {change:+.4f} against float32, allowed is "
                f"{MAX_F1_CHANGE}; predict with --precision float32"
            )
        text = f"{_title(engine)} on {n_panels} generated panels: F1 {score:.4f}, {change:+.5f} against float32"
        facts = {**_facts(engine, comparison), "f1": score, "f1_change": change}
        rows.append({**facts, "check": f"{text}; {comparison.result()}"})
    return rows


def _map(answer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the probabilities (K, h, w) of one tile; a gate that answers per tile has one cell."""
    return answer[0] if answer.ndim == 4 else answer[0, :, None, None]


def _added(
    counts: list[BinaryCounts],
    probs: NDArray[np.float32],
    truths: list[NDArray[np.bool_]],
    known: NDArray[np.bool_],
    threshold: float,
) -> list[BinaryCounts]:
    """Add the counts of a tile, class by class."""
    labels = class_map(probs, threshold=threshold)
    return [
        count + binary_counts(labels == number, truth, known)
        for number, (count, truth) in enumerate(zip(counts, truths, strict=True), start=1)
    ]


def _mean_f1(counts: list[BinaryCounts]) -> float:
    """Give F1 as the mean over the classes."""
    return float(np.mean([f1(count) for count in counts]))


def _tiles(spec: ModelSpec, n_panels: int) -> Iterator[Sample]:
    """Yield batches of one tile with their truth, at the model's pixel size and prepared as it asks."""
    factor = max(1, round((spec.pixel_size_mm or TEST_PIXEL_SIZE_MM) / TEST_PIXEL_SIZE_MM))
    for panel in make_panels(PETROGLYPH_VAL[:n_panels]):
        view = reduced_view(raster_from_array(panel.image, valid=panel.valid), factor)
        yield from _cut(spec, view, [_reduce(panel.mask, (view.height, view.width))])


def _painted_tiles(spec: ModelSpec, n_panels: int) -> Iterator[Sample]:
    """Yield the same of paintings, with a truth for each class."""
    for panel in make_paintings(CONDITION_VAL[:n_panels]):
        view = raster_from_array(panel.image, valid=panel.classes != UNKNOWN)
        yield from _cut(spec, view, [panel.classes == entry.id for entry in spec.classes.classes])


def _engraved_tiles(spec: ModelSpec, n_panels: int) -> Iterator[Sample]:
    """Yield the same of bronzes, from heights as a scan measures them."""
    for panel in make_bronzes(ENGRAVING_VAL[:n_panels]):
        height = measured_height(panel, np.random.default_rng(panel.seed))
        side = PixelSize(BRONZE_PIXEL_SIZE_MM, BRONZE_PIXEL_SIZE_MM, "user")
        view = raster_from_array(height[None], valid=panel.object_mask & np.isfinite(height)).with_pixel_size(side)
        yield from _cut(spec, view, [panel.mask])


TILES = {"petroglyph": _tiles, "condition": _painted_tiles, "engraving": _engraved_tiles}
"""Panels with their truth, by method."""


def _cut(spec: ModelSpec, view: Raster, truths: list[NDArray[np.bool_]]) -> Iterator[Sample]:
    chain = PrepareChain.from_spec(spec)
    view = chain.known(view)
    prepared = chain.measured(view).view(view)
    grid = TileGrid(view.height, view.width, tile_px=min(spec.tile_px, view.height, view.width), overlap_px=0)
    for row in range(grid.n_rows):
        for col in range(grid.n_cols):
            window = grid.window(row, col)
            inside = window.intersection(view.bounds)
            masks = np.zeros((len(truths), window.height, window.width), bool)
            for mask, truth in zip(masks, truths, strict=True):
                mask[inside.relative_to(window).slices()] = truth[inside.slices()]
            yield prepared.read(window)[None], masks, view.read_valid_padded(window)


def _reduce(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Say of each cell of a coarser grid if any pixel is set."""
    rows, cols = shape
    blocks = mask.reshape(rows, mask.shape[0] // rows, cols, mask.shape[1] // cols)
    return np.asarray(blocks.any(axis=(1, 3)), bool)


def _title(engine: Engine) -> str:
    return f"{engine.name} in {engine.precision} ({engine.device})"


def _facts(engine: Engine, comparison: Comparison) -> dict[str, Any]:
    found = comparison.result()
    return {
        "engine": engine.name,
        "precision": engine.precision,
        "device": engine.device,
        "mean_difference": found.mean,
        "p999_difference": found.p999,
        "flipped_share": found.flipped_share,
    }
