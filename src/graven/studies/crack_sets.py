"""Four sets of photographed cracks, and which photographs judge a network: a literal split, fixed before any training.

All pictures of one photograph are on one side. Where a set comes with a split of its own (UAV75), its test part is
kept, and pictures in its training part that show a photograph of the test are left out. The other splits were drawn
once, by `graven.prepare.splits.split_groups` with seed 0, and are written down here, so that no later change can
move a picture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graven.errors import DataError, MismatchError, UsageError
from graven.prepare.splits import group_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from graven.prepare.splits import Side
    from graven.types.dataset import LabelledImage

__all__ = ["CRACK_SETS", "CrackSet", "choose_sets", "list_sides", "sides_of", "split_digest"]

Place = Literal["train", "val", "test", "left out"]


@dataclass(frozen=True, slots=True)
class CrackSet:
    """One set of photographs with hand-made masks of cracks.

    Attributes
    ----------
    key : str
        Name of its folder.
    label : str
        As the tables print it.
    photograph : str
        Regular expression whose first group is the photograph in the stem of a file.
    val, test : frozenset of str
        Photographs that choose weights and threshold, and those that judge; all others train.
    left_out : frozenset of str
        Stems of pictures that are used nowhere.
    tile_px : int, pixels
        Side of the square in which a whole picture is predicted.
    counts : dict of str to int
        Pictures on each side.
    digest : str
        `split_digest` of the whole set: stems and sides.
    goal : float or None
        F1 at 2 px that was set as a goal before anything was trained.
    distractor : str or None
        Folder of masks of what looks like a crack and is none.
    """

    key: str
    label: str
    photograph: str
    val: frozenset[str]
    test: frozenset[str]
    tile_px: int
    counts: dict[str, int]
    digest: str
    left_out: frozenset[str] = frozenset()
    goal: float | None = None
    distractor: str | None = None

    def place(self, stem: str) -> Place:
        """Say on which side a picture is.

        Parameters
        ----------
        stem : str
            Of its file.

        Returns
        -------
        {"train", "val", "test", "left out"}
            Its side.
        """
        if stem in self.left_out:
            return "left out"
        photograph = group_of(stem, self.photograph)
        return "test" if photograph in self.test else "val" if photograph in self.val else "train"


def _names(text: str, prefix: str = "") -> frozenset[str]:
    return frozenset(prefix + name for name in text.split())


CRACK_SETS: dict[str, CrackSet] = {
    entry.key: entry
    for entry in (
        CrackSet(
            "crackforest",
            "CrackForest",
            photograph=r"(\d+)",
            val=_names("013 051 069 081 084 085 090 092"),
            test=_names("008 012 021 024 032 044 048 052 054 057 086 100 103 105 106 114"),
            tile_px=480,
            counts={"train": 48, "val": 8, "test": 16, "left out": 0},
            digest="222250d86988508e08634a294c0e9a8274d77639f39c97f8c9a6552944ec1832",
            goal=0.90,
        ),
        CrackSet(
            "deepcrack_crops",
            "DeepCrack crops",
            photograph=r"([^-]+)-",
            val=_names("18 24 26 30 31 41 48 68 77 78 81 86 87", "111") | {"IMG27"},
            test=_names(
                "11112 11114 11116 11121 11123 11138 11140 11149 11150 11151 11152 11154 11156 11158 11159 11162 11190 "
                "11193 11203 11204"
            ),
            tile_px=192,
            counts={"train": 220, "val": 62, "test": 91, "left out": 0},
            digest="715cf3755d270302d44bd8bdb2ee8dd601552d13bcc7678d60ae8626d85cd39d",
            goal=0.85,
        ),
        CrackSet(
            "masonry224",
            "Masonry",
            photograph=r"([^_]+_[^_]+)_",
            val=_names("a_1 a_22 a_24 a_32 c_14 h_25"),
            test=_names("a_30 a_31 a_80"),
            tile_px=224,
            counts={"train": 75, "val": 20, "test": 30, "left out": 0},
            digest="dcc3d9710001819056f2fc82ecfe266699ee7d7ddefc047ad930440b0f329258",
        ),
        CrackSet(
            "uav75",
            "UAV75",
            photograph=r"(DSC\d+)",
            val=_names("557 564 573 578 614 627", "DSC00"),
            test=_names("551 560 566 567 572 623 674 719 835 874", "DSC00"),
            left_out=_names("560 560c 560d 566b 566c 566d 566e 567 567b 567c 674c 674h", "DSC00"),
            tile_px=512,
            counts={"train": 32, "val": 6, "test": 10, "left out": 12},
            digest="8bcc4a47415038b59ae2ce2389291751282077a011fa3fa933dd19b5812d680e",
            distractor="planking",
        ),
    )
}
"""The sets by the name of their folder. In DeepCrack ``7Q3A9060-12-4`` is a cell of a piece of photograph 7Q3A9060."""


def choose_sets(names: tuple[str, ...] | None) -> tuple[CrackSet, ...]:
    """Find the sets to train on.

    Parameters
    ----------
    names : tuple of str or None
        Keys of `CRACK_SETS`; None means all.

    Returns
    -------
    tuple of CrackSet
        In the order of the tables.

    Raises
    ------
    UsageError
        If a name is unknown, or none is left.

    Examples
    --------
    >>> [entry.label for entry in choose_sets(("uav75", "crackforest"))]
    ['CrackForest', 'UAV75']
    """
    wanted = tuple(CRACK_SETS) if names is None else names
    unknown = [name for name in wanted if name not in CRACK_SETS]
    if unknown or not wanted:
        raise UsageError(f"--sets takes any of {','.join(CRACK_SETS)}, got {unknown[0] if unknown else ''!r}")
    return tuple(entry for entry in CRACK_SETS.values() if entry.key in wanted)


def sides_of(crack_set: CrackSet, stems: Iterable[str]) -> dict[str, Place]:
    """Give the side of every picture of a set.

    Parameters
    ----------
    crack_set : CrackSet
        The set.
    stems : iterable of str
        Of all its files.

    Returns
    -------
    dict of str to {"train", "val", "test", "left out"}
        By stem, sorted.
    """
    return {stem: crack_set.place(stem) for stem in sorted(stems)}


def split_digest(sides: Mapping[str, str]) -> str:
    """Hash who is where.

    Parameters
    ----------
    sides : mapping of str to str
        Side by stem.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    return hashlib.sha256("\n".join(f"{stem} {sides[stem]}" for stem in sorted(sides)).encode()).hexdigest()


def list_sides(crack_set: CrackSet, folder: Path) -> dict[Side, list[LabelledImage]]:
    """List the pictures of a set, side by side.

    Parameters
    ----------
    crack_set : CrackSet
        The set.
    folder : Path
        Holds ``images`` and ``masks`` with equal stems.

    Returns
    -------
    dict of {"train", "val", "test"} to list of LabelledImage
        The group of each is its photograph.

    Raises
    ------
    DataError
        If the folder is missing, or files have no partner.
    MismatchError
        If there are other files than those for which the split was written.
    """
    from dataclasses import replace

    from graven.io.maskfolders import list_mask_folders

    if not folder.is_dir():
        raise DataError(f"{folder} is not there; --data takes the folder of the crack sets, --sets some of them")
    items = {item.name: item for item in list_mask_folders(folder)}
    sides = sides_of(crack_set, items)
    if split_digest(sides) != crack_set.digest:
        raise MismatchError(
            f"{folder} does not hold the {sum(crack_set.counts.values())} pictures for which the split was written "
            f"({len(items)} found); take the development part as it was published"
        )
    found: dict[Side, list[LabelledImage]] = {"train": [], "val": [], "test": []}
    for stem, side in sides.items():
        if side != "left out":
            found[side].append(replace(items[stem], group=group_of(stem, crack_set.photograph)))
    return found
