"""The preparation of a model, joined from the steps that its bundle names.

Three kinds of step exist. ``rotation`` changes the frame: it is estimated once from an overview and becomes an affine
(`graven.prepare.frame`). The photometric steps ``reversal`` and ``clahe`` change values in place and are joined here,
in the order of the bundle, into one lazy view. The surface steps ``highpass``, ``normals`` and ``albedo`` turn the
layers of a surface into what a network sees, one each (`graven.prepare.surface`), and stand beside no other step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError
from graven.prepare.bands import bands_view
from graven.prepare.clahe import clahe_view
from graven.prepare.reversal import reversal_view
from graven.prepare.surface import (
    SURFACE_STEPS,
    filled_surface,
    known_surface,
    layers_of,
    measured_step,
    prepared_surface,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from graven.types import ModelSpec, PrepareStep, Raster, Window

__all__ = ["FRAME_STEPS", "PHOTOMETRIC_STEPS", "PrepareChain"]

PHOTOMETRIC_STEPS: dict[str, tuple[Callable[..., Raster], frozenset[str]]] = {
    "reversal": (reversal_view, frozenset()),
    "clahe": (clahe_view, frozenset({"clip_limit", "cell_px"})),
}
"""Name of a step, the view that does it, and the options that it takes."""

FRAME_STEPS: dict[str, frozenset[str]] = {
    "rotation": frozenset({"min_peak_ratio", "min_skew_deg"}),
}
"""Steps that change the frame instead of the values, with their options."""


@dataclass(frozen=True, slots=True)
class PrepareChain:
    """What happens to the pixels between a raster and a network.

    Attributes
    ----------
    steps : tuple of PrepareStep
        As the bundle lists them.
    n_bands : int
        Bands of the network.

    Examples
    --------
    >>> from graven.types import PrepareStep, Window, raster_from_array
    >>> chain = PrepareChain((PrepareStep("reversal"),), n_bands=3)
    >>> grey = raster_from_array(np.array([[0, 255]], np.uint8))
    >>> chain.window(grey, Window(0, 0, 1, 2))[:, 0].tolist()
    [[255.0, 0.0], [255.0, 0.0], [255.0, 0.0]]
    """

    steps: tuple[PrepareStep, ...]
    n_bands: int = 3

    def __post_init__(self) -> None:
        known = {
            **FRAME_STEPS,
            **{name: options for name, (_, options) in PHOTOMETRIC_STEPS.items()},
            **{name: step.options for name, step in SURFACE_STEPS.items()},
        }
        for index, step in enumerate(self.steps):
            if step.name not in known:
                raise DataError(
                    f"the preparation step {step.name!r} is unknown; choose from {', '.join(sorted(known))}"
                )
            unknown = sorted(set(step.options) - known[step.name])
            if unknown:
                allowed = ", ".join(sorted(known[step.name])) or "none"
                raise DataError(f"the step {step.name!r} does not take {', '.join(unknown)}; its options: {allowed}")
            if step.name in FRAME_STEPS and index > 0:
                raise DataError(f"the step {step.name!r} changes the frame and must come first, found at {index + 1}")
        if self.takes_surface:
            self._check_surface()

    def _check_surface(self) -> None:
        """Refuse a mixture of surface and photograph, a layer given twice, and another number of bands."""
        names = [step.name for step in self.steps]
        listed = ", ".join(names)
        if set(names) - set(SURFACE_STEPS) or len(set(names)) < len(names):
            raise DataError(
                f"the steps {', '.join(SURFACE_STEPS)} prepare a layer of a surface each, once and beside no other "
                f"step, found {listed}"
            )
        if len(self.bands) != self.n_bands:
            raise DataError(
                f"the preparation {listed} makes {len(self.bands)} bands ({', '.join(self.bands)}), but the network "
                f"takes {self.n_bands}; correct its in_channels or the steps"
            )

    @classmethod
    def from_spec(cls, spec: ModelSpec) -> PrepareChain:
        """Build the chain of a model.

        Parameters
        ----------
        spec : ModelSpec
            Its ``prepare`` and ``bands`` are used.

        Returns
        -------
        PrepareChain
            The chain.

        Raises
        ------
        DataError
            If a step or option is unknown; the choices are listed.
        """
        return cls(spec.prepare, n_bands=len(spec.bands))

    @property
    def rotation(self) -> dict[str, Any] | None:
        """Options of the rotation step, or None where the chain has none."""
        return next((dict(step.options) for step in self.steps if step.name == "rotation"), None)

    @property
    def photometric(self) -> Sequence[PrepareStep]:
        """The steps that change values, in order."""
        return tuple(step for step in self.steps if step.name in PHOTOMETRIC_STEPS)

    @property
    def takes_surface(self) -> bool:
        """Whether the chain is for a surface: bands of floats, NaN where nothing is known, a scale for the height."""
        return bool(self.layers)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of a surface that the chain takes: some of ``height``, ``normals`` and ``albedo``."""
        return layers_of(self.steps)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands that a surface becomes; none for photographs."""
        return tuple(
            name for step in self.steps if step.name in SURFACE_STEPS for name in SURFACE_STEPS[step.name].bands
        )

    def known(self, raster: Raster) -> Raster:
        """See a surface with NaN where it is not known; a photograph as it is.

        Parameters
        ----------
        raster : Raster
            The input.

        Returns
        -------
        Raster
            As `graven.prepare.surface.known_surface` gives it.

        Raises
        ------
        DataError
            If its bands are not those of the layers.
        """
        return known_surface(raster, self.steps) if self.takes_surface else raster

    def filled(self, raster: Raster) -> Raster:
        """See what `known` gives without gaps, for resampling."""
        return filled_surface(raster) if self.takes_surface else raster

    def measured(self, raster: Raster) -> PrepareChain:
        """Fill in what a step needs to know of the whole raster, in one pass over it.

        Parameters
        ----------
        raster : Raster
            As in `view`.

        Returns
        -------
        PrepareChain
            With the statistics as options of the step, where a record finds them; itself where nothing is missing. Its
            views need no pass of their own.

        Raises
        ------
        DataError, ScaleError
            As `view`.
        """
        if not self.takes_surface:
            return self
        return replace(self, steps=tuple(measured_step(raster, self.steps, index) for index in range(len(self.steps))))

    def notes(self, raster: Raster) -> tuple[str, ...]:
        """Say what was adapted (bands, bit depth) so that the raster fits the network."""
        if self.takes_surface:
            return ()
        _, note = bands_view(raster, n_bands=self.n_bands)
        return () if note is None else (note,)

    def view(self, raster: Raster) -> Raster:
        """Give the prepared raster, read window by window.

        Parameters
        ----------
        raster : Raster
            In the working frame (after rotation and resampling).

        Returns
        -------
        Raster
            ``(n_bands, H, W)`` uint8, or float32 of the same range from a surface, not yet standardised. Every window
            equals the whole result; windows beyond the border are mirrors of the prepared image.

        Raises
        ------
        DataError
            If the pixels cannot be scaled or the bands do not fit (`bands_view`), or a surface is none.
        ScaleError
            If a height map has no scale.
        """
        if self.takes_surface:
            return prepared_surface(raster, self.steps)
        prepared, _ = bands_view(raster, n_bands=self.n_bands)
        for step in self.photometric:
            build, _ = PHOTOMETRIC_STEPS[step.name]
            prepared = build(prepared, **step.options)
        return prepared

    def window(self, raster: Raster, window: Window) -> NDArray[np.float32]:
        """Prepare one window.

        Parameters
        ----------
        raster : Raster
            As in `view`.
        window : Window
            May reach beyond the raster.

        Returns
        -------
        ndarray of shape (n_bands, h, w), float32, 0 to 255
            What the network is given.
        """
        return np.asarray(self.view(raster).read(window), np.float32)
