"""From skeleton pixels to paths between nodes: which pixels are neighbours, where lines end, meet and run through."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Paths", "paths_between_nodes", "pixels_of"]


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths along skeleton pixels.

    Attributes
    ----------
    node : ndarray of shape (N,), int64
        Node of each pixel, or -1 where a line just runs through. Junction pixels that touch share a node.
    n_nodes : int
        Number of nodes.
    pixels : list of ndarray of int64
        Pixels of each path, both end pixels included. A closed loop without node repeats its first pixel.
    """

    node: NDArray[np.int64]
    n_nodes: int
    pixels: list[NDArray[np.int64]]


def paths_between_nodes(row: NDArray[np.int64], col: NDArray[np.int64]) -> Paths:
    """Split a skeleton at its ends and junctions.

    Parameters
    ----------
    row, col : ndarray of shape (N,), int64, pixels
        Skeleton pixels in raster order.

    Returns
    -------
    Paths
        Nodes in raster order of their first pixels, and the paths between them.

    Notes
    -----
    Two pixels are linked when they share an edge, or a corner and no common neighbour at an edge, so a staircase is one
    line. A pixel with two links is part of a line; every other one is a node.

    Examples
    --------
    >>> tee = np.array([[1, 1, 1], [0, 1, 0], [0, 1, 0]])
    >>> found = paths_between_nodes(*np.nonzero(tee))
    >>> found.n_nodes, [path.tolist() for path in found.pixels]
    (4, [[0, 1], [1, 2], [1, 3, 4]])
    """
    links, n_links = _links(row, col)
    node, n_nodes = _nodes(links, n_links)
    sequence, offset = _walk(links, n_links, node)
    return Paths(node, n_nodes, [sequence[a:b] for a, b in itertools.pairwise(offset.tolist())])


def pixels_of(skeleton: NDArray[np.uint8] | NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the pixels of a skeleton, or of any image that is nearly empty.

    Parameters
    ----------
    skeleton : ndarray of shape (H, W), uint8 or bool
        Foreground is not 0.

    Returns
    -------
    row, col : ndarray of shape (N,), int64, pixels
        The same as of `numpy.nonzero`, but eight pixels are passed over at a time where all are 0.

    Examples
    --------
    >>> [part.tolist() for part in pixels_of(np.eye(3, dtype=bool))]
    [[0, 1, 2], [0, 1, 2]]
    """
    flat = np.ascontiguousarray(skeleton).reshape(-1).view(np.uint8)
    whole = flat.size - flat.size % 8
    eights = np.flatnonzero(flat[:whole].view(np.uint64))
    within = np.flatnonzero(flat[:whole].reshape(-1, 8)[eights])
    pixel = np.concatenate([8 * eights[within >> 3] + (within & 7), whole + np.flatnonzero(flat[whole:])])
    row, col = np.divmod(pixel, max(skeleton.shape[1], 1))
    return row, col


@compiled
def _links(row: NDArray[np.int64], col: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Give the linked pixels of each pixel, and how many they are: at most four.

    Links come in the order of the eight steps, and a corner link excludes the edge links on both its sides.
    """
    count = len(row)
    links = np.full((count, 4), -1, np.int32)
    n_links = np.zeros(count, np.int8)
    above, below = 0, 0  # the first pixels of the row above and below that are not left of the neighbours
    for pixel in range(count):
        r, c = row[pixel], col[pixel]
        east = pixel + 1 if pixel + 1 < count and row[pixel + 1] == r and col[pixel + 1] == c + 1 else -1
        west = pixel - 1 if pixel > 0 and row[pixel - 1] == r and col[pixel - 1] == c - 1 else -1
        while row[above] < r - 1 or (row[above] == r - 1 and col[above] < c - 1):
            above += 1
        while below < count and (row[below] < r + 1 or (row[below] == r + 1 and col[below] < c - 1)):
            below += 1
        north_west, north, north_east = _three(row, col, above, r - 1, c)
        south_west, south, south_east = _three(row, col, below, r + 1, c)
        found = (
            east,
            west,
            south,
            north,
            south_east if south < 0 and east < 0 else -1,
            south_west if south < 0 and west < 0 else -1,
            north_east if north < 0 and east < 0 else -1,
            north_west if north < 0 and west < 0 else -1,
        )
        for other in found:
            if other >= 0:
                links[pixel, n_links[pixel]] = other
                n_links[pixel] += 1
    return links, n_links


@compiled
def _three(row: NDArray[np.int64], col: NDArray[np.int64], first: int, r: int, c: int) -> tuple[int, int, int]:
    """Give the pixels of a row at ``c - 1``, ``c`` and ``c + 1``, or -1; `first` is the first one from ``c - 1`` on."""
    left, middle, right = -1, -1, -1
    for pixel in range(first, min(first + 3, len(row))):
        if row[pixel] == r:
            if col[pixel] == c - 1:
                left = pixel
            elif col[pixel] == c:
                middle = pixel
            elif col[pixel] == c + 1:
                right = pixel
    return left, middle, right


@compiled
def _nodes(links: NDArray[np.int32], n_links: NDArray[np.int8]) -> tuple[NDArray[np.int64], int]:
    """Give each pixel its node and count them, in raster order of their first pixels; linked junctions share one."""
    count = len(links)
    node = np.full(count, -1, np.int64)
    open_ = np.empty(count, np.int32)
    n_nodes = 0
    for first in range(count):
        if n_links[first] == 2 or node[first] >= 0:
            continue
        node[first] = n_nodes
        open_[0] = first
        n_open = 1 if n_links[first] > 2 else 0
        while n_open > 0:
            n_open -= 1
            pixel = open_[n_open]
            for slot in range(n_links[pixel]):
                other = links[pixel, slot]
                if n_links[other] > 2 and node[other] < 0:
                    node[other] = n_nodes
                    open_[n_open] = other
                    n_open += 1
        n_nodes += 1
    return node, n_nodes


@compiled
def _walk(
    links: NDArray[np.int32], n_links: NDArray[np.int8], node: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Follow each path once: first those between nodes, then closed loops without any."""
    count = len(node)
    n_ends = 0
    for pixel in range(count):
        n_ends += int(n_links[pixel]) if node[pixel] >= 0 else 0
    n_loops = (count + 3) // 4  # at most: a loop has four pixels or more, and repeats one
    sequence = np.empty(count + n_ends + n_loops, np.int64)
    offset = np.zeros(n_ends + n_loops + 1, np.int64)
    used = np.zeros(links.shape, np.bool_)
    passed = np.zeros(count, np.bool_)
    n_paths = 0
    for loops in (False, True):
        for seed in range(count):
            if loops == (node[seed] >= 0) or passed[seed]:
                continue
            for slot in range(1 if loops else n_links[seed]):
                if used[seed, slot] or (not loops and node[links[seed, slot]] == node[seed]):
                    continue
                used[seed, slot] = True
                size = offset[n_paths]
                sequence[size] = seed
                size += 1
                previous, pixel = seed, links[seed, slot]
                while node[pixel] < 0 and pixel != seed:
                    sequence[size] = pixel
                    size += 1
                    passed[pixel] = True
                    ahead = links[pixel, 0] if links[pixel, 0] != previous else links[pixel, 1]
                    previous, pixel = pixel, ahead
                sequence[size] = pixel
                size += 1
                passed[pixel] = passed[pixel] or node[pixel] < 0
                for back in range(n_links[pixel]):
                    if links[pixel, back] == previous:
                        used[pixel, back] = True
                n_paths += 1
                offset[n_paths] = size
    return sequence[: offset[n_paths]].copy(), offset[: n_paths + 1].copy()
