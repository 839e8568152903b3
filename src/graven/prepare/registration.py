"""Two photographs of one flat surface brought onto each other, with a residual that says how well.

Three steps, each of which starts from the last: matched features give a homography that no outlier has a say in; the
enhanced correlation coefficient refines it over all pixels of a reduced picture; patches at full size refine it once
more where that was reduced. The last two compare what changes least with the light (`graven.prepare.light_free`). What
remains is measured on patches that took no part in the fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from graven.errors import DataError, InputError
from graven.prepare.bands import bands_view, grey_reader
from graven.prepare.light_free import agreeing_bands, log_detail
from graven.types import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.types import Raster
    from graven.types.raster import ReadPixels

__all__ = ["Registration", "register", "transform_points"]

OVERVIEW_PX = 1600
N_FEATURES = 8000
RATIO = 0.8
MIN_INLIERS = 30
INLIER_PX = 3.0
PATCH_PX = 192
GRID = 14
MIN_CORRELATION = 0.5
MAX_STEP_PX = 12.0
MIN_PATCHES = 12
MIN_OVERLAP = 0.2
ROUNDS, ITERATIONS = 6, 15
STILL_PX = 0.02
EDGE_PX = 20
INVERSE = cv2.WARP_INVERSE_MAP
LEAST_GAIN = 0.2


@dataclass(frozen=True, slots=True)
class Registration:
    """How one photograph lies on another.

    Attributes
    ----------
    matrix : ndarray of shape (3, 3), float64
        Homography from pixel coordinates (outer corners) of the first photograph to those of the second.
    n_matches, n_inliers : int
        Features matched, and those of them that the first homography explains within 3 px of the overview.
    correlation : float, -1 to 1
        Enhanced correlation coefficient of the overviews, 1 for equal pictures.
    residual_px : float, pixels of the first photograph
        Root mean square of the displacements that remain, on patches that took no part in the fit. Shading counts as
        displacement here, so in another light this is an upper bound.
    residual_p95_px : float, pixels
        95th percentile of their lengths.
    n_patches : int
        Patches that this was measured on.
    overlap_share : float, 0 to 1
        Share of the first photograph that the second shows.
    """

    matrix: NDArray[np.float64]
    n_matches: int
    n_inliers: int
    correlation: float
    residual_px: float
    residual_p95_px: float
    n_patches: int
    overlap_share: float


def register(first: Raster, second: Raster, *, max_residual_px: float = 2.0) -> Registration:
    """Find the homography between two photographs of one flat surface [1]_ [2]_ [3]_.

    Parameters
    ----------
    first, second : Raster
        8 or 16 bits, grey or RGB; of any size, scale and viewpoint, as long as they show a common part.
    max_residual_px : float, > 0, pixels of the first photograph
        A larger 95th percentile of what remains is refused.

    Returns
    -------
    Registration
        The homography and how good it is. The same photographs give the same numbers.

    Raises
    ------
    DataError
        If too few features match, too little overlaps, or more than `max_residual_px` remains: the surface is not flat
        enough, or the photographs do not show the same.
    InputError
        If `max_residual_px` is not positive.

    Notes
    -----
    Light may differ: features are compared by their gradients, and pictures are correlated in that mix of their bands
    that agrees best, so of two photographs in colour the light may fall from another side. Grey ones show shading as a
    displacement. Memory: two overviews of at most 1600 px, and patches of 192 px.

    References
    ----------
    .. [1] D. Lowe, Distinctive image features from scale-invariant keypoints, IJCV 60, 2004.
    .. [2] D. Barath et al., MAGSAC++, a fast, reliable and accurate robust estimator, CVPR 2020.
    .. [3] G. Evangelidis, E. Psarakis, Parametric image alignment using enhanced correlation coefficient maximization,
       PAMI 30, 2008.
    """
    if not max_residual_px > 0:
        raise InputError(f"the largest residual must be above 0 px, got {max_residual_px}")
    read_first, read_second = _readers(first, second)
    small_first, factor_first = _overview(first, read_first)
    small_second, factor_second = _overview(second, read_second)
    matrix, n_matches, n_inliers = _from_features(_evened(small_first), _evened(small_second))
    matrix, correlation, mixes = _from_correlation(small_first, small_second, matrix)
    matrix = _scaled(matrix, factor_first, factor_second)
    overlap = _overlap(first, second, matrix)
    if overlap < MIN_OVERLAP:
        raise DataError(
            f"only {100 * overlap:.0f} % of {first.name} is seen in {second.name}, at least {100 * MIN_OVERLAP:.0f} % "
            "are needed; give photographs of the same part"
        )
    ours, theirs = _Mix(first, read_first, mixes[0]), _Mix(second, read_second, mixes[1])
    for _ in range(2 if max(factor_first, factor_second) > 1 else 0):
        places, steps = _displacements(ours, theirs, matrix)
        fitted = _checkerboard(places, first)
        if fitted.sum() >= MIN_PATCHES:
            matrix = _corrected(matrix, places[fitted], steps[fitted])
    places, steps = _displacements(ours, theirs, matrix)
    checked = ~_checkerboard(places, first)
    if checked.sum() < MIN_PATCHES // 2:
        raise DataError(
            f"{first.name} and {second.name} agree in {int(checked.sum())} of {GRID * GRID // 2} places only; they do "
            "not show the same surface, or one of them is not sharp"
        )
    lengths = np.hypot(*steps[checked].T)
    found = Registration(
        matrix=matrix,
        n_matches=n_matches,
        n_inliers=n_inliers,
        correlation=correlation,
        residual_px=float(np.sqrt(np.mean(lengths**2))),
        residual_p95_px=float(np.percentile(lengths, 95)),
        n_patches=int(checked.sum()),
        overlap_share=overlap,
    )
    if found.residual_p95_px > max_residual_px:
        raise DataError(
            f"{first.name} and {second.name} could be brought onto each other within {found.residual_p95_px:.1f} px "
            f"only (95th percentile), {max_residual_px:g} px are allowed; the surface is not flat, has moved, or was "
            "lit from another side"
        )
    return found


def transform_points(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Send points through a homography.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3), float64
        As in `Registration`.
    points : ndarray of shape (N, 2), float64
        ``(x, y)`` in pixels, outer corners.

    Returns
    -------
    ndarray of shape (N, 2), float64
        Where they lie in the other photograph.

    Examples
    --------
    >>> transform_points(np.diag([2.0, 2.0, 1.0]), np.array([[3.0, 4.0]])).tolist()
    [[6.0, 8.0]]
    """
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    moved: NDArray[np.float64] = homogeneous[:, :2] / homogeneous[:, 2:]
    return moved


class _Mix(NamedTuple):
    """A photograph, how to read its bands, and how they are mixed."""

    raster: Raster
    read: ReadPixels
    weights: NDArray[np.float32]

    def detail(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the fine detail of some pixels in the mix."""
        return np.asarray(np.tensordot(self.weights, log_detail(pixels), 1), np.float32)


def _readers(first: Raster, second: Raster) -> tuple[ReadPixels, ReadPixels]:
    """Read both in colour, or both in grey where one of them is."""
    if min(first.n_bands, second.n_bands) >= 3:
        return bands_view(first)[0].read, bands_view(second)[0].read
    greys = grey_reader(first), grey_reader(second)
    return (lambda window: greys[0](window)[None]), (lambda window: greys[1](window)[None])


def _overview(raster: Raster, read: ReadPixels) -> tuple[NDArray[np.uint8], float]:
    """Give a picture of bounded size, and how many pixels of the raster make one of it."""
    step = max(1, math.ceil(max(raster.height, raster.width) / OVERVIEW_PX))
    rows = []
    for row in range(0, raster.height - raster.height % step, step * 64):
        height = min(step * 64, raster.height - raster.height % step - row)
        bands = read(Window(row, 0, height, raster.width - raster.width % step))
        size = (bands.shape[2] // step, bands.shape[1] // step)
        rows.append(np.stack([cv2.resize(band, size, interpolation=cv2.INTER_AREA) for band in bands]))
    return np.concatenate(rows, axis=1), float(step)


def _evened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give the grey picture with even contrast, in which features are looked for."""
    grey = cv2.cvtColor(cv2.merge([*picture]), cv2.COLOR_RGB2GRAY) if len(picture) == 3 else picture[0]
    return np.asarray(cv2.createCLAHE(2.0, (8, 8)).apply(grey), np.uint8)


def _from_features(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[NDArray[np.float64], int, int]:
    detector = cv2.SIFT.create(N_FEATURES)
    (points, ours), (others, theirs) = (detector.detectAndCompute(picture, None) for picture in (first, second))
    matches: list[cv2.DMatch] = []
    if min(len(points), len(others)) >= 2:
        pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(_rooted(ours), _rooted(theirs), k=2)
        matches = [best for best, next_best in pairs if best.distance < RATIO * next_best.distance]
    matrix, inliers = None, np.zeros(0, bool)
    if len(matches) >= MIN_INLIERS:
        source = np.array([points[match.queryIdx].pt for match in matches]) + 0.5
        target = np.array([others[match.trainIdx].pt for match in matches]) + 0.5
        matrix, mask = cv2.findHomography(source, target, cv2.USAC_MAGSAC, INLIER_PX, None, 10_000, 0.999)
        inliers = mask.ravel() > 0
    if matrix is None or inliers.sum() < MIN_INLIERS:
        raise DataError(
            f"the photographs have {int(inliers.sum())} features in common, at least {MIN_INLIERS} are needed; they do "
            "not show the same surface, or are too blurred"
        )
    return np.asarray(matrix, np.float64), len(matches), int(inliers.sum())


def _rooted(descriptors: NDArray[Any]) -> NDArray[np.float32]:
    """Compare features by the square roots of their histograms, in which a bright edge counts less."""
    rooted: NDArray[np.float32] = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
    return rooted


def _from_correlation(
    first: NDArray[np.uint8], second: NDArray[np.uint8], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Refine over all pixels of half-size pictures, in turn with the mix of bands that agrees best.

    The second picture is resampled as the first is seen, so that detail means the same in both. Where that does not
    converge, the homography of the features stays.
    """
    size, index = (first.shape[2], first.shape[1]), _indexed(matrix)
    seen = _warped(second, index, size)
    there = _halved(_warped(np.ones((1, *second.shape[1:]), np.uint8), index, size))[0]
    inner = np.asarray(cv2.erode(there, np.ones((2 * EDGE_PX + 1,) * 2, np.uint8), borderValue=0), np.uint8)
    ours, theirs, shared = _halved(log_detail(first)), _halved(log_detail(seen)), inner if inner.any() else there
    found, value, mixes = np.eye(3), math.nan, _mixes(ours, theirs, shared)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, 1e-5)
    half = (ours.shape[2], ours.shape[1])
    corners = np.array([[0, 0], [half[0], 0], half, [0, half[1]]], np.float64)
    for _ in range(ROUNDS):
        mine, other = (np.tensordot(mix, bands, 1) for mix, bands in zip(mixes, (ours, theirs), strict=True))
        last, start = found, found.astype(np.float32)
        try:
            value, refined = cv2.findTransformECC(mine, other, start, cv2.MOTION_HOMOGRAPHY, stop, shared, 1)
        except cv2.error:
            break
        found = np.asarray(refined, np.float64)
        mixes = _mixes(ours, _warped(theirs, found, half), shared)
        if np.abs(transform_points(found, corners) - transform_points(last, corners)).max() < STILL_PX / 2:
            break
    if np.abs(transform_points(found, corners) - corners).max() < MAX_STEP_PX / 2:
        matrix = matrix @ _scaled(_cornered(found), 2.0, 2.0)
    return matrix, float(value), mixes


def _warped(bands: NDArray[Any], index: NDArray[np.float64], size: tuple[int, int]) -> NDArray[Any]:
    return np.stack([cv2.warpPerspective(band, index, size, flags=cv2.INTER_LINEAR | INVERSE) for band in bands])


def _halved(bands: NDArray[Any]) -> NDArray[Any]:
    height, width = (side // 2 for side in bands.shape[1:])
    even = np.ascontiguousarray(bands[:, : 2 * height, : 2 * width])
    return np.stack([cv2.resize(band, (width, height), interpolation=cv2.INTER_AREA) for band in even])


def _mixes(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], shared: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the mixes of bands that agree best where both photographs show the surface."""
    return agreeing_bands(ours[:, shared > 0], theirs[:, shared > 0])


def _indexed(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a homography of outer corners into one of pixel indices, as OpenCV warps."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    moved = np.linalg.inv(half) @ matrix @ half
    return np.asarray(moved / moved[2, 2], np.float64)


def _cornered(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo `_indexed`."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    moved = half @ matrix @ np.linalg.inv(half)
    return np.asarray(moved / moved[2, 2], np.float64)


def _scaled(matrix: NDArray[np.float64], first: float, second: float) -> NDArray[np.float64]:
    """Turn a homography between overviews into one between photographs."""
    moved = np.diag([second, second, 1.0]) @ matrix @ np.diag([1 / first, 1 / first, 1.0])
    return np.asarray(moved / moved[2, 2], np.float64)


def _overlap(first: Raster, second: Raster, matrix: NDArray[np.float64]) -> float:
    xs, ys = (np.linspace(0, size, 41) for size in (first.width, first.height))
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    moved = transform_points(matrix, points)
    inside = (moved >= 0).all(axis=1) & (moved[:, 0] <= second.width) & (moved[:, 1] <= second.height)
    return float(inside.mean())


def _displacements(
    ours: _Mix, theirs: _Mix, matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure on a grid of patches by how much the second photograph still lies beside the first.

    Returns
    -------
    places, steps : ndarray of shape (N, 2), float64
        Centres of patches in the first photograph, and where what is seen there lies from there, ``(dx, dy)`` in its
        pixels.
    """
    places, steps = [], []
    first = ours.raster
    side = min(PATCH_PX, first.height, first.width)
    weights = np.asarray(cv2.createHanningWindow((side, side), cv2.CV_32F), np.float32)
    for row in np.linspace(0, first.height - side, GRID).astype(int):
        for col in np.linspace(0, first.width - side, GRID).astype(int):
            place = Window(int(row), int(col), side, side)
            seen = _seen_as(place, theirs, matrix)
            if seen is None or not first.read_valid(place).all():
                continue
            step, correlation = _shift(ours.detail(ours.read(place)), theirs.detail(seen), weights)
            if correlation >= MIN_CORRELATION and np.hypot(*step) < MAX_STEP_PX:
                places.append((col + side / 2, row + side / 2))
                steps.append(step)
    return np.array(places, np.float64).reshape(-1, 2), np.array(steps, np.float64).reshape(-1, 2)


def _shift(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """Find by least squares, iterated, how far a patch lies from where it is looked for, and how well it fits there."""
    down, right = np.gradient(ours)
    terms = np.stack([right, down, ours, np.ones_like(ours)]).reshape(4, -1).astype(np.float64)
    weighted = terms * weights.ravel()
    normal = weighted @ terms.T + 1e-9 * np.eye(4)
    step, size = np.zeros(2), (ours.shape[1], ours.shape[0])
    for _ in range(ITERATIONS):
        seen = _moved(theirs, step, size)
        solved = np.linalg.solve(normal, weighted @ seen.ravel())
        change = solved[:2] / max(float(solved[2]), LEAST_GAIN)
        step = step - change
        if np.hypot(*change) < STILL_PX:
            break
    pair = np.stack([ours.ravel(), _moved(theirs, step, size).ravel()])
    spread = np.cov(pair, aweights=weights.ravel())
    return step, float(spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1] + 1e-12))


def _moved(picture: NDArray[np.float32], step: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    affine = np.array([[1, 0, step[0]], [0, 1, step[1]]])
    flags = cv2.INTER_LINEAR | INVERSE
    return np.asarray(cv2.warpAffine(picture, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _seen_as(place: Window, theirs: _Mix, matrix: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """Resample the second photograph as a window of the first; None where it does not cover it."""
    second = theirs.raster
    corners = np.array(
        [[col, row] for row in (place.row, place.row_end) for col in (place.col, place.col_end)], np.float64
    )
    moved = transform_points(matrix, corners)
    low, high = np.floor(moved.min(axis=0)).astype(int) - 2, np.ceil(moved.max(axis=0)).astype(int) + 2
    if (low < 0).any() or high[0] > second.width or high[1] > second.height or (high - low).max() > 16 * place.width:
        return None
    around = Window(int(low[1]), int(low[0]), int(high[1] - low[1]), int(high[0] - low[0]))
    if not second.read_valid(around).all():
        return None
    to_patch = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1.0]])
    from_place = np.array([[1, 0, place.col], [0, 1, place.row], [0, 0, 1.0]])
    whole = _indexed(to_patch @ matrix @ from_place)
    return _warped(theirs.read(around), whole, (place.width, place.height))


def _checkerboard(places: NDArray[np.float64], first: Raster) -> NDArray[np.bool_]:
    """Say which places are fitted; the others are checked."""
    cells = np.floor(places / np.array([first.width, first.height]) * GRID).astype(int)
    return np.asarray(cells.sum(axis=1) % 2 == 0)


def _corrected(
    matrix: NDArray[np.float64], places: NDArray[np.float64], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit the homography anew to where the patches really lie."""
    target = transform_points(matrix, places + steps)
    found = np.asarray(cv2.findHomography(places, target, cv2.USAC_MAGSAC, 1.0)[0], np.float64)
    return found if found.shape == (3, 3) else matrix  # where there is none, OpenCV gives None
