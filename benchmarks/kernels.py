"""Kernels of graven beside those of other libraries: `python -m benchmarks.kernels`.

Every kernel and its peers get the same arrays and take turns in one process, after a first turn that compiles what has
to be compiled and whose results are compared. A ratio is one of two calls that followed each other.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numba
import numpy as np
from scipy import ndimage
from skimage import measure as skimage_measure
from skimage.morphology import thin as skimage_thin

from benchmarks.case import Case
from benchmarks.surfaces import surface_cases
from graven.io.masks import read_mask
from graven.measure.components import Runs, find_components, runs_of
from graven.measure.paths import Paths, paths_between_nodes, pixels_of
from graven.measure.thinning import distance_to_border, thin
from graven.metrics import binary_counts, pseudo_fmeasure
from graven.synthetic import make_petroglyph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

__all__ = ["cases", "main", "missing_peers", "rows", "same_as_skan", "same_as_sknw"]

PEERS = {"torchmetrics": "torchmetrics", "sklearn": "scikit-learn", "sknw": "sknw", "skan": "skan"}
"""Modules that graven does without, and what to install for them."""

FIGURES = (11, 12, 15, 16)
"""Seeds of panels with figures; they cover a seventh of the mask."""

PAGES, N_PAGES = "lines/dibco", 20
"""Folder of scanned pages (``images``, ``masks``) below the data, and how many of them are scored."""


def missing_peers() -> list[str]:
    """Name the optional peers that are not installed."""
    return [package for module, package in PEERS.items() if importlib.util.find_spec(module) is None]


def rows(n: int, megapixels: float, data: Path | None = None) -> list[dict[str, Any]]:
    """Time all kernels beside their peers.

    Parameters
    ----------
    n : int, >= 1
        Rounds; every kernel and peer runs once in each.
    megapixels : float, > 0
        Size of the masks.
    data : Path, optional
        Folder with real masks; without it their case is left out.

    Returns
    -------
    list of dict
        ``what ours peer ratio_median ratio_min ratio_max goal equal``, one for each kernel and peer. A ratio is the
        time of the peer over ours, and ours over that of a limit; `equal` says whether both gave the same, and is None
        for a limit.
    """
    return [row for case in cases(megapixels, data) for row in _time(case, n)]


def _time(case: Case, n: int) -> list[dict[str, Any]]:
    ours = case.run()
    first = {name: run() for name, (run, _) in case.peers.items()}
    equal = {name: None if same is None else same(ours, first[name]) for name, (_, same) in case.peers.items()}
    del first
    ratios: dict[str, list[float]] = {name: [] for name in case.peers}
    for _ in range(n):
        for name, (run, same) in case.peers.items():
            own, theirs = _seconds(case.run), _seconds(run)
            ratios[name].append(own / theirs if same is None else theirs / own)
    return [
        {
            "what": case.what,
            "ours": case.ours,
            "peer": name,
            "ratio_median": statistics.median(ratios[name]),
            "ratio_min": min(ratios[name]),
            "ratio_max": max(ratios[name]),
            "goal": case.goal if (same is None) == case.goal.startswith("≤") else "",
            "equal": equal[name],
        }
        for name, (_, same) in case.peers.items()
    ]


def _seconds(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def _mask(megapixels: float) -> Mask:
    """Lay panels with figures side by side."""
    side = 1024 if megapixels >= 4 else 256
    panels = [make_petroglyph(seed, size_px=side).mask for seed in FIGURES]
    block = np.block([panels[:2], panels[2:]])
    n_columns = max(1, round((1e6 * megapixels) ** 0.5 / (2 * side)))
    n_rows = max(1, round(1e6 * megapixels / (4 * side * side * n_columns)))
    return np.tile(block, (n_rows, n_columns))


def cases(megapixels: float, data: Path | None = None) -> Iterator[Case]:
    """Give the kernels one after the other, so that only the arrays of one are held.

    Parameters
    ----------
    megapixels : float, > 0
        Size of the masks.
    data : Path, optional
        As for `rows`.

    Yields
    ------
    Case
        A kernel with its peers.
    """
    target = _mask(megapixels)
    preds = np.roll(target, (2, 1), axis=(0, 1))
    yield _counts(preds, target)
    valid = np.roll(~target, 300, axis=0)
    yield Case(
        "pixel counts inside a valid mask",
        "metrics.binary_counts",
        "≤ 1.5",
        lambda: binary_counts(preds, target, valid),
        {"read limit": (lambda: _read(preds, target, valid), None)},
    )
    yield Case(
        "pFM",
        "metrics.pseudo_fmeasure",
        "≥ 3",
        lambda: pseudo_fmeasure(preds, target),
        {"scikit-image": (lambda: _pfm_of_skimage(preds, target), lambda ours, theirs: abs(ours - theirs) < 1e-12)},
    )
    if data is not None:
        yield _pages(data / PAGES)
    yield _distance(target)
    yield _components(target)
    yield _graph(thin(target.view(np.uint8))[0].astype(bool))
    yield from surface_cases(megapixels)


def _counts(preds: Mask, target: Mask) -> Case:
    ours, theirs = preds.reshape(-1), target.reshape(-1)

    def of_cv2() -> tuple[int, ...]:
        a, b = preds.view(np.uint8), target.view(np.uint8)
        return cv2.countNonZero(cv2.bitwise_and(a, b)), cv2.countNonZero(a), cv2.countNonZero(b)

    def of_numpy() -> tuple[int, ...]:
        return np.count_nonzero(preds & target), np.count_nonzero(preds), np.count_nonzero(target)

    def same(ours: Any, theirs: tuple[int, ...]) -> bool:
        return (ours.tp, ours.tp + ours.fp, ours.tp + ours.fn) == theirs

    peers: dict[str, Any] = {
        "read limit": (lambda: _read(preds, target), None),
        "numpy": (of_numpy, same),
        "cv2": (of_cv2, same),
    }
    if importlib.util.find_spec("sklearn"):
        from sklearn.metrics import confusion_matrix

        peers["scikit-learn"] = (lambda: confusion_matrix(theirs, ours), _same_matrix)
    if importlib.util.find_spec("torchmetrics"):
        import torch
        from torchmetrics.functional.classification import binary_confusion_matrix

        a, b = torch.from_numpy(preds.view(np.uint8)), torch.from_numpy(target.view(np.uint8))
        peers["torchmetrics"] = (lambda: binary_confusion_matrix(a, b).numpy(), _same_matrix)
    return Case("pixel counts", "metrics.binary_counts", "≤ 1.5", lambda: binary_counts(preds, target), peers)


def _same_matrix(ours: Any, theirs: NDArray[np.int64]) -> bool:
    return [[ours.tn, ours.fp], [ours.fn, ours.tp]] == theirs.tolist()


@numba.njit(cache=True)
def _read_words(words: NDArray[np.uint64], others: NDArray[np.uint64]) -> int:
    seen = np.uint64(0)
    for i in range(words.size):
        seen ^= words[i] ^ others[i]
    return seen


@numba.njit(cache=True)
def _read_words_of_three(words: NDArray[np.uint64], others: NDArray[np.uint64], more: NDArray[np.uint64]) -> int:
    seen = np.uint64(0)
    for i in range(words.size):
        seen ^= words[i] ^ others[i] ^ more[i]
    return seen


def _read(*masks: Mask) -> int:
    """Read masks once, eight bytes at a time, and do next to nothing with them."""
    words = [mask.reshape(-1).view(np.uint64) for mask in masks]
    return _read_words(*words) if len(words) == 2 else _read_words_of_three(*words)


def _pfm_of_skimage(preds: Mask, target: Mask) -> float:
    line = skimage_thin(target)
    precision = (preds & target).sum() / preds.sum()
    recall = (line & preds).sum() / line.sum()
    return float(2 * precision * recall / (precision + recall))


def _pages(folder: Path) -> Case:
    """Score Otsu's threshold on scanned pages with their true ink."""
    paths = sorted((folder / "masks").glob("*.png"))[:N_PAGES]
    if len(paths) < N_PAGES:
        raise SystemExit(f"{folder} must hold {N_PAGES} pages (images and masks), it has {len(paths)}; see --data")
    pairs = []
    for path in paths:
        grey = cv2.imread(str(folder / "images" / path.name), cv2.IMREAD_GRAYSCALE)
        _, ink = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
        pairs.append((ink.astype(bool), read_mask(path, size=grey.shape)[0]))

    def same(ours: Any, theirs: list[float]) -> bool:
        return bool(np.allclose(ours, theirs, rtol=0, atol=1e-12))

    return Case(
        f"pFM of {N_PAGES} scanned pages",
        "metrics.pseudo_fmeasure",
        "≥ 3",
        lambda: [pseudo_fmeasure(*pair) for pair in pairs],
        {"scikit-image": (lambda: [_pfm_of_skimage(*pair) for pair in pairs], same)},
    )


def _distance(mask: Mask) -> Case:
    framed = np.pad(mask, 1)  # what lies outside is background to us, and nothing to the others

    def same(ours: Any, theirs: NDArray[np.float32]) -> bool:
        return bool(np.allclose(ours[0], theirs, rtol=1e-6, atol=0))

    def of_cv2() -> NDArray[np.float32]:
        return np.asarray(cv2.distanceTransform(framed.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))

    peers: dict[str, Any] = {
        "cv2": (of_cv2, same),
        "scipy": (lambda: ndimage.distance_transform_edt(framed), same),
    }
    ours = "measure.thinning.distance_to_border"
    return Case("distance to the border", ours, "", lambda: distance_to_border(framed.view(np.uint8)), peers)


def _components(mask: Mask) -> Case:
    def of_cv2() -> NDArray[np.int64]:
        return np.asarray(cv2.connectedComponentsWithStats(mask.view(np.uint8))[2][1:, cv2.CC_STAT_AREA])

    def of_scipy() -> NDArray[np.int64]:
        return np.bincount(ndimage.label(mask, np.ones((3, 3)))[0].reshape(-1))[1:]

    def of_skimage() -> NDArray[np.int64]:
        return np.bincount(skimage_measure.label(mask, connectivity=2).reshape(-1))[1:]

    def run() -> Any:
        return find_components(Runs(*runs_of(mask), height=mask.shape[0], width=mask.shape[1]))

    def same(ours: Any, theirs: NDArray[np.int64]) -> bool:
        return sorted(ours.area_px.tolist()) == sorted(theirs.tolist())

    peers = {"cv2": (of_cv2, same), "scipy": (of_scipy, same), "scikit-image": (of_skimage, same)}
    return Case("connected components with areas", "measure.components.find_components", "", run, peers)


def _graph(skeleton: Mask) -> Case:
    peers: dict[str, Any] = {}
    if importlib.util.find_spec("sknw"):
        import sknw

        peers["sknw"] = (
            lambda: sknw.build_sknw(skeleton, multi=True, full=False),
            lambda ours, theirs: same_as_sknw(skeleton, ours, theirs),
        )
    if importlib.util.find_spec("skan"):
        import skan

        peers["skan"] = (lambda: skan.Skeleton(skeleton), same_as_skan)
    ours = "measure.paths.paths_between_nodes"
    return Case("skeleton graph", ours, "≥ 3", lambda: paths_between_nodes(*pixels_of(skeleton)), peers)


def same_as_skan(ours: Paths, theirs: Any) -> bool:
    """Whether both run along the same links from pixel to pixel.

    To skan every pixel of a junction is a node, so it has more paths: those from one to the next, of two pixels, do not
    count here. Where junction pixels enclose a hole, skan breaks the ring and we do not.
    """
    found = {_links(pixels.tolist()) for pixels in ours.pixels}
    node = ours.node
    paths = [theirs.path(k).tolist() for k in range(theirs.n_paths)]
    return found == {_links(path) for path in paths if len(path) > 2 or node[path[0]] != node[path[1]]}


def _links(pixels: list[int]) -> frozenset[frozenset[int]]:
    return frozenset(frozenset(pair) for pair in pairwise(pixels))


def same_as_sknw(skeleton: Mask, ours: Paths, theirs: Any) -> bool:
    """Whether both have the same paths outside the nodes of sknw.

    To sknw all pixels that do not have two of the eight neighbours are nodes, and touching ones are one node. It takes
    in the first pixels of each of our paths, and whole paths between junctions that are two or three pixels apart.
    """
    row, col = pixels_of(skeleton)
    in_node = np.zeros(skeleton.shape, bool)
    for _, node in theirs.nodes(data=True):
        in_node[tuple(node["pts"].T)] = True
    position = row * skeleton.shape[1] + col
    outside = ~in_node[row, col]
    found = {frozenset(position[pixels[outside[pixels]]].tolist()) for pixels in ours.pixels}
    wanted = set()
    for _, _, edge in theirs.edges(data=True):
        r, c = edge["pts"].astype(int).T
        wanted.add(frozenset((r * skeleton.shape[1] + c)[~in_node[r, c]].tolist()))
    return found - {frozenset()} == wanted


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-n", type=int, default=5, help="rounds")
    parser.add_argument("--megapixels", type=float, default=16.0, help="size of the masks")
    parser.add_argument("--data", type=Path, default=os.environ.get("GRAVEN_DATA"), help="folder with lines/dibco")
    asked = parser.parse_args()
    for package in missing_peers():
        print(f"{package} is not installed and left out; `make bench-peers` installs it")
    print(f"{'what':34s} {'peer':14s} {'ratio':>8s} {'min – max':>18s}  {'goal':6s} equal")
    for case in cases(asked.megapixels, asked.data):
        for row in _time(case, asked.n):
            spread = f"{row['ratio_min']:.2f} – {row['ratio_max']:.2f}"
            verdict = {None: "", True: "yes", False: "NO"}[row["equal"]]
            text = f"{row['what']:34s} {row['peer']:14s} {row['ratio_median']:8.2f} {spread:>18s}  {row['goal']:6s}"
            print(f"{text} {verdict}", flush=True)


if __name__ == "__main__":
    main()
