"""The relief of a bronze as photometric stereo measures it, with the errors that such heights have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graven.synthetic.noise import blur, fractal, threshold_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.synthetic.engraving import EngravingPanel

__all__ = ["measured_height"]

Float = np.float32
Generator = np.random.Generator


def measured_height(panel: EngravingPanel, rng: Generator, *, severity: float = 1.0) -> NDArray[np.float32]:
    """Give the relief as photometric stereo measures it.

    Wrong light directions bend it slowly, the lens softens it, the noise of the normals grows with its wavelength when
    it is integrated, grooves come out a little flat, and some pixels are missing.

    Parameters
    ----------
    panel : EngravingPanel
        What is measured.
    rng : numpy.random.Generator
        Source of randomness.
    severity : float, >= 0
        Scales all errors; 0 gives the true height on the bronze.

    Returns
    -------
    ndarray of shape (H, W), float32, millimetres
        Mean 0; NaN outside the object and where pixels are missing.
    """
    surface, inside = panel.surface, panel.object_mask
    shape, size = surface.shape, surface.pixel_size_mm
    height = np.where(inside, surface.height_mm, _mean(surface.height_mm, inside))
    soft = rng.uniform(0.5, 1.0) * min(severity, 2.0)
    long = max(shape) * rng.uniform(0.4, 1.0)
    bend = fractal(rng, shape, wavelength_px=long, gain=0.4, finest_px=max(8.0, long / 16))
    tilt = rng.normal(0, 0.01, 2) * severity
    speckle = fractal(rng, shape, wavelength_px=32.0, gain=0.62, finest_px=1.0)
    missing = fractal(rng, shape, wavelength_px=12.0, gain=0.6, finest_px=2.0)
    if soft > 0.3:
        height = blur(height, soft)
    height = height * Float(1 - 0.12 * severity * rng.random())
    height += bend * Float(rng.uniform(0.05, 0.35) * severity)
    height += speckle * Float(rng.uniform(0.0015, 0.005) * severity)
    height += (np.arange(shape[1]) * Float(tilt[0] * size))[None, :].astype(Float)
    height += (np.arange(shape[0]) * Float(tilt[1] * size))[:, None].astype(Float)
    known = inside
    share = float(rng.uniform(0, 0.002)) * severity
    if share > 0:
        known = inside & (missing <= Float(max(threshold_mask(missing, share), 1.0)))
    height -= Float(_mean(height, known))
    return np.where(known, height, Float(np.nan)).astype(Float)


def _mean(values: NDArray[np.float32], where: NDArray[np.bool_]) -> np.float32:
    return Float(values[where].mean(dtype=np.float64)) if where.any() else Float(0)
