"""From skeleton pixels to paths between nodes: which pixels are neighbours, where lines end, meet and run through."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graven.measure.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Paths", "paths_between_nodes"]


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
    links = _links(row, col)
    n_links = (links >= 0).sum(axis=1)
    is_node = n_links != 2
    is_junction = n_links > 2
    origin = np.repeat(np.arange(len(row)), 4)
    target = links.reshape(-1)
    together = (target >= 0) & is_junction[origin] & is_junction[target]
    graph = coo_array((np.ones(together.sum(), np.int8), (origin[together], target[together])), shape=(len(row),) * 2)
    cluster = connected_components(graph, directed=False)[1]
    node = np.full(len(row), -1, np.int64)
    _, first, node[is_node] = np.unique(cluster[is_node], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    node[is_node] = rank[node[is_node]]
    sequence, offset = _walk(links, node)
    return Paths(node, len(first), [sequence[a:b] for a, b in itertools.pairwise(offset)])


def _links(row: NDArray[np.int64], col: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the linked pixels of each pixel, at most four, padded with -1."""
    count = len(row)
    stride = int(col.max(initial=0)) + 3
    key = row * stride + col + 1
    neighbour = {}
    for step in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        wanted = key + step[0] * stride + step[1]
        at = np.minimum(np.searchsorted(key, wanted), count - 1)
        neighbour[step] = np.where(key[at] == wanted, at, -1) if count else at
    for d_row, d_col in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        bridged = (neighbour[d_row, 0] >= 0) | (neighbour[0, d_col] >= 0)
        neighbour[d_row, d_col] = np.where(bridged, -1, neighbour[d_row, d_col])
    found = np.stack(list(neighbour.values()), axis=1)
    # A corner link excludes the edge links on both its sides, so no pixel has more than four.
    return np.take_along_axis(found, np.argsort(found < 0, axis=1, kind="stable"), axis=1)[:, :4]


@compiled
def _walk(links: NDArray[np.int64], node: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Follow each path once: first those between nodes, then closed loops without any."""
    count = len(node)
    used = np.zeros(links.shape, np.bool_)
    passed = np.zeros(count, np.bool_)
    sequence = np.empty(5 * count + 1, np.int64)  # every pixel once, and a node once for each of its at most 4 paths
    offset = np.zeros(4 * count + 1, np.int64)
    n_paths = 0
    for loops in (False, True):
        for seed in range(count):
            if loops == (node[seed] >= 0) or passed[seed]:
                continue
            for slot in range(1 if loops else 4):
                follower = links[seed, slot]
                if follower < 0 or used[seed, slot] or (not loops and node[follower] == node[seed]):
                    continue
                used[seed, slot] = True
                size = offset[n_paths]
                sequence[size] = seed
                size += 1
                previous, pixel = seed, follower
                while node[pixel] < 0 and pixel != seed:
                    sequence[size] = pixel
                    size += 1
                    passed[pixel] = True
                    ahead = links[pixel, 0] if links[pixel, 0] != previous else links[pixel, 1]
                    previous, pixel = pixel, ahead
                sequence[size] = pixel
                size += 1
                passed[pixel] = passed[pixel] or node[pixel] < 0
                for back in range(4):
                    if links[pixel, back] == previous:
                        used[pixel, back] = True
                n_paths += 1
                offset[n_paths] = size
    return sequence[: offset[n_paths]], offset[: n_paths + 1]
