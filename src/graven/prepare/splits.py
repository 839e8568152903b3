"""Splits into training, validation and test that do not leak.

Patches of one panel share rock, light and camera. If they fall on both sides of a split, the test measures memory. So
whole groups (a panel, better a site) go to one side; a split of single patches exists only to repeat published numbers,
and has to be asked for by name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from graven.errors import DataError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SIDES", "Side", "group_of", "split_groups", "split_random_patches"]

Side = Literal["train", "val", "test"]
SIDES: tuple[Side, ...] = ("train", "val", "test")


def group_of(name: str, pattern: str) -> str:
    r"""Find the panel, site or photograph in the name of an image.

    Parameters
    ----------
    name : str
        Name of the image.
    pattern : str
        Regular expression, matched at the start of the name; its first group (or the whole match) is the answer.

    Returns
    -------
    str
        Name of the group.

    Raises
    ------
    UsageError
        If `pattern` is no regular expression, does not match, or finds an empty name.

    Examples
    --------
    >>> group_of("Seradina_12_a", r"[^_]+"), group_of("P07-crop3", r"P(\d+)")
    ('Seradina', '07')
    """
    try:
        match = re.match(pattern, name)
    except re.error as error:
        raise UsageError(f"--group-by must be a regular expression, got {pattern!r}: {error}") from error
    if match is None:
        raise UsageError(f"--group-by {pattern!r} does not match the file name {name!r}; every name must match")
    found = match.group(1) if match.re.groups else match.group(0)
    if not found:
        raise UsageError(f"--group-by {pattern!r} finds an empty name in {name!r}")
    return str(found)


def split_groups(
    groups: Sequence[str], *, val_share: float = 0.1, test_share: float = 0.1, seed: int = 0
) -> dict[str, Side]:
    """Assign whole groups to sides.

    Parameters
    ----------
    groups : sequence of str
        Panel or site of every item, in any order; repeats say how large a group is.
    val_share, test_share : float, 0 to 1
        Shares of the items that are held out; 0 leaves a side empty. Together below 1.
    seed : int
        The same seed and the same items give the same split, whatever their order.

    Returns
    -------
    dict of str to {"train", "val", "test"}
        Side of every group. Each side that was asked for has at least one group.

    Raises
    ------
    InputError
        If the shares make no sense.
    DataError
        If there are fewer groups than sides.

    Notes
    -----
    Groups are shuffled, then each goes to the side that is furthest from its share, largest sides in need first. With
    few or uneven groups the shares are only approximate; the caller should report the counts.

    Examples
    --------
    >>> sides = split_groups(["a", "a", "b", "c"], val_share=0.25, test_share=0.25, seed=1)
    >>> sorted(sides), sorted(sides.values())
    (['a', 'b', 'c'], ['test', 'train', 'val'])
    """
    shares = _shares(val_share, test_share)
    sizes = dict.fromkeys(sorted(set(groups)), 0)
    for name in groups:
        sizes[name] += 1
    wanted = [side for side in SIDES if shares[side] > 0]
    if len(sizes) < len(wanted):
        raise DataError(
            f"a split into {', '.join(wanted)} needs at least {len(wanted)} panels or sites, got {len(sizes)}; "
            "add panels, or set the share of a side to 0"
        )
    names = list(sizes)
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    total = len(groups)
    counts = dict.fromkeys(wanted, 0)
    sides: dict[str, Side] = {}
    for position, name in enumerate(order):
        empty = [side for side in wanted if side not in sides.values()]
        choices = empty if len(order) - position <= len(empty) else wanted
        side = max(choices, key=lambda s: shares[s] * total - counts[s])
        sides[name] = side
        counts[side] += sizes[name]
    return {name: sides[name] for name in names}


def split_random_patches(
    names: Sequence[str], *, tiles_leak: bool, val_share: float = 0.1, test_share: float = 0.1, seed: int = 0
) -> dict[str, Side]:
    """Assign single patches to sides at random, which leaks.

    Parameters
    ----------
    names : sequence of str
        Patches, each once.
    tiles_leak : bool
        Must be True: whoever calls this knows that patches of one panel fall on both sides and says so in every table.
    val_share, test_share : float, 0 to 1
        Shares of the patches, rounded to whole patches.
    seed : int
        As in `split_groups`.

    Returns
    -------
    dict of str to {"train", "val", "test"}
        Side of every patch.

    Raises
    ------
    UsageError
        If `tiles_leak` is not True.
    InputError
        If a name stands twice or the shares make no sense.
    DataError
        If a side that was asked for would be empty.
    """
    if tiles_leak is not True:
        raise UsageError(
            "a split of single patches puts the same panel on both sides; split by panel, or give --i-know-tiles-leak"
        )
    if len(set(names)) != len(names):
        raise InputError("a patch is named twice; give every patch its own name")
    shares = _shares(val_share, test_share)
    ordered = sorted(names)
    n_val, n_test = round(shares["val"] * len(names)), round(shares["test"] * len(names))
    counts: dict[Side, int] = {"train": len(names) - n_val - n_test, "val": n_val, "test": n_test}
    for side, count in counts.items():
        if count < 1 and shares[side] > 0:
            raise DataError(f"{len(names)} patches are too few for a {side} share of {shares[side]:g}; raise the share")
    order = np.random.default_rng(seed).permutation(len(ordered))
    marks: list[Side] = [side for side in ("test", "val", "train") for _ in range(counts[side])]
    found = {ordered[index]: mark for index, mark in zip(order, marks, strict=True)}
    return {name: found[name] for name in ordered}


def _shares(val_share: float, test_share: float) -> dict[Side, float]:
    if not (0 <= val_share < 1 and 0 <= test_share < 1 and val_share + test_share < 1):
        raise InputError(
            f"val_share and test_share must be at least 0 and together below 1, got {val_share} and {test_share}"
        )
    return {"train": 1 - val_share - test_share, "val": val_share, "test": test_share}
