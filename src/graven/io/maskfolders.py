"""Data sets whose truth is a raster: folders of image and mask pairs, and the 3D-Pitoti benchmark."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError
from graven.io.classmasks import read_class_mask
from graven.io.masks import read_mask
from graven.io.surfacefiles import surface_name
from graven.types.dataset import LabelledImage, unique_name
from graven.types.surface import LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.types import ClassTable
    from graven.types.dataset import ReadMask, ReadTarget

__all__ = ["list_images", "list_mask_folders", "list_pitoti", "pitoti_files", "read_binary_mask"]

IMAGE_SUFFIXES = {".tif", ".tiff", ".png", ".jpg", ".jpeg"}
MASK_FOLDERS = ("masks", "mask", "label", "labels", "gt")
IMAGE_FOLDERS = ("images", "image", "img")
PITOTI_TRUTH = "_gt.tif"
PITOTI_VALID = ".d_mask.png"


def read_binary_mask(path: Path, *, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """Read the foreground of a mask.

    Parameters
    ----------
    path : Path
        As in `graven.io.masks.open_mask`.
    size : tuple of int, optional
        ``(height, width)`` that it must have.

    Returns
    -------
    ndarray of shape (H, W), bool
        True where a pixel is known to be foreground.

    Raises
    ------
    MismatchError
        If the size differs; both are shown.
    DataError
        If it holds other values than a mask does: a photograph or a lossy mask was given.
    """
    return read_mask(path, size=size)[0]


def list_mask_folders(folder: Path, *, classes: ClassTable | None = None) -> list[LabelledImage]:
    """List image and mask pairs with equal stems.

    Parameters
    ----------
    folder : Path
        Holds a folder of images (``images``, ``image`` or ``img``) and one of masks (``masks``, ``mask``, ``label``,
        ``labels`` or ``gt``).
    classes : ClassTable, optional
        The masks hold the numbers of these classes, as `graven.io.classmasks.read_class_mask` reads them; default is
        masks of one class.

    Returns
    -------
    list of LabelledImage
        Sorted by name; each image is its own group. The layers of a surface (`graven.io.surfacefiles`) are one image,
        whose mask has the bare name; the height stands for it where there is one.

    Raises
    ------
    DataError
        If a folder is missing, a stem repeats, or an image and mask have no partner.
    """
    masks = _by_stem(_first_folder(folder, MASK_FOLDERS))
    images = _surfaces(_by_stem(_first_folder(folder, IMAGE_FOLDERS)), masks)
    alone = sorted(set(images) ^ set(masks))
    if alone:
        raise DataError(
            f"{folder} has {len(alone)} files without a partner, the first is {alone[0]!r}; stems must be equal"
        )
    if not images:
        raise DataError(f"{folder} holds no images")
    return [
        LabelledImage(
            name=stem,
            group=stem,
            image_path=images[stem],
            read_target=_reader(masks[stem]) if classes is None else _class_reader(masks[stem], classes),
            read_valid=_valid_reader(masks[stem]) if classes is None else _class_valid_reader(masks[stem], classes),
            label_paths=(masks[stem],),
        )
        for stem in sorted(images)
    ]


def list_images(folder: Path) -> list[LabelledImage]:
    """List images of which nothing is known but where they are valid.

    Parameters
    ----------
    folder : Path
        Holds a folder of images, and a folder ``valid`` of masks with equal stems or none at all.

    Returns
    -------
    list of LabelledImage
        Sorted by name; their truth is background everywhere.

    Raises
    ------
    DataError
        If there are no images, or one has no valid mask although others have.
    """
    found = _by_stem(_first_folder(folder, IMAGE_FOLDERS))
    valid = _by_stem(folder / "valid") if (folder / "valid").is_dir() else {}
    images = _surfaces(found, valid or {surface_name(path)[0] for path in found.values()})
    if not images:
        raise DataError(f"{folder} holds no images")
    missing = sorted(set(images) - set(valid))
    if valid and missing:
        raise DataError(f"{folder / 'valid'} has no mask for {missing[0]!r}; give one for every image or none")

    def nothing(size: tuple[int, int]) -> NDArray[np.bool_]:
        return np.zeros(size, bool)

    return [
        LabelledImage(
            name=stem,
            group=stem,
            image_path=images[stem],
            read_target=nothing,
            read_valid=_reader(valid[stem]) if valid else None,
            label_paths=(valid[stem],) if valid else (),
        )
        for stem in sorted(images)
    ]


def list_pitoti(folder: Path) -> list[LabelledImage]:
    """List the panels of 3D-Pitoti as its authors distribute it.

    Parameters
    ----------
    folder : Path
        Holds ``<name>_gt.tif`` and, for each, ``<name>.d_mask.png`` and one image whose name begins with ``<name>``.

    Returns
    -------
    list of LabelledImage
        Sorted by path; each panel is its own group. A panel in a subfolder has the folders in its name, joined by
        ``__``, so that names do not repeat.

    Raises
    ------
    DataError
        If no panel is found, or a panel has no valid mask or not exactly one image.

    References
    ----------
    .. [1] Poier et al., The 3D-Pitoti Dataset: A Dataset for High-Resolution 3D Surface Segmentation, CBMI 2017; file
       names as in the evaluation scripts of its authors.
    """
    items = []
    truths = sorted(folder.rglob(f"*{PITOTI_TRUTH}"))
    for truth in truths:
        stem, valid = pitoti_files(truth)
        name = unique_name(truth.with_name(stem), folder)
        others = [other.name.removesuffix(PITOTI_TRUTH) for other in truths if other.parent == truth.parent]
        longer = [other for other in others if other != stem and other.startswith(stem)]
        images = [
            path
            for path in sorted(truth.parent.glob(f"{glob.escape(stem)}[._-]*"))
            if path.suffix.lower() in IMAGE_SUFFIXES
            and path not in (truth, valid)
            and not any(path.name.startswith((f"{other}.", f"{other}_", f"{other}-")) for other in longer)
        ]
        if len(images) != 1:
            listed = ", ".join(path.name for path in images) or "none"
            raise DataError(f"the panel {name!r} needs exactly one image beside {truth.name}, found {listed}")
        items.append(
            LabelledImage(
                name=name,
                group=name,
                image_path=images[0],
                read_target=_reader(truth),
                read_valid=_reader(valid),
                label_paths=(truth, valid),
            )
        )
    if not items:
        raise DataError(f"{folder} holds no 3D-Pitoti panels (*{PITOTI_TRUTH})")
    return items


def pitoti_files(truth: Path) -> tuple[str, Path]:
    """Find what belongs to a truth of 3D-Pitoti.

    Parameters
    ----------
    truth : Path
        ``<name>_gt.tif``.

    Returns
    -------
    name : str
        Name of the panel.
    valid : Path
        Its valid mask, ``<name>.d_mask.png`` beside the truth.

    Raises
    ------
    DataError
        If there is no valid mask.
    """
    name = truth.name.removesuffix(PITOTI_TRUTH)
    valid = truth.with_name(name + PITOTI_VALID)
    if not valid.is_file():
        raise DataError(f"the panel {name!r} has no valid mask; expected {valid.name} beside {truth.name}")
    return name, valid


def _reader(path: Path) -> Callable[[tuple[int, int]], NDArray[np.bool_]]:
    def read(size: tuple[int, int]) -> NDArray[np.bool_]:
        return read_binary_mask(path, size=size)

    return read


def _valid_reader(path: Path) -> Callable[[tuple[int, int]], NDArray[np.bool_]]:
    def read(size: tuple[int, int]) -> NDArray[np.bool_]:
        return read_mask(path, size=size)[1]

    return read


def _class_reader(path: Path, classes: ClassTable) -> ReadTarget:
    def read(size: tuple[int, int]) -> NDArray[np.uint8]:
        return read_class_mask(path, classes=classes, size=size)[0]

    return read


def _class_valid_reader(path: Path, classes: ClassTable) -> ReadMask:
    def read(size: tuple[int, int]) -> NDArray[np.bool_]:
        return read_class_mask(path, classes=classes, size=size)[1]

    return read


def _first_folder(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise DataError(f"{folder} must hold a folder named {' or '.join(names)}")


def _surfaces(images: dict[str, Path], names: Collection[str]) -> dict[str, Path]:
    """Let one file stand for all layers of a surface, where there is a mask of its bare name."""
    found: dict[str, Path] = {}
    for layer in (None, *LAYERS):
        for stem, path in images.items():
            name, of = surface_name(path)
            is_layer = of is not None and name in names and stem not in names
            if layer == (of if is_layer else None):
                found.setdefault(name if is_layer else stem, path)
    return found


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            if path.stem in found:
                raise DataError(f"{folder} holds {found[path.stem].name} and {path.name}: stems must be unique")
            found[path.stem] = path
    return found
