"""What ``graven stereo`` starts from: lights with their images, directions read off mirror spheres, and the object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graven.errors import DataError, InputError, UsageError
from graven.io.lightfiles import read_lights
from graven.io.lightimages import list_images, match_images
from graven.io.masks import read_mask
from graven.photometric.spheres import (
    Circle,
    circles_of_mask,
    combine_directions,
    find_mirror_spheres,
    sphere_directions,
)
from graven.prepare.objectmask import find_object
from graven.report.overview import overview, overview_factor
from graven.types import Lights, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graven.io.lightstack import LightStack

__all__ = ["Inputs", "calibrate_lights", "find_inputs", "find_object_mask", "flat_images"]

_SEARCH_SIDE_PX = 1000
_FAR_SPREAD_DEG = 2.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files of a stack.

    Attributes
    ----------
    name : str
        Stem of the outputs.
    lights : Lights or None
        In the order of `images`; None where they are yet to be read off spheres.
    images : tuple of Path
        Of the object.
    sphere_images : tuple of Path
        In the same order, of the spheres; the same files where the spheres lie beside the object.
    notes : tuple of str
        What a reader must know.
    """

    name: str
    lights: Lights | None
    images: tuple[Path, ...]
    sphere_images: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def find_inputs(
    lights: Path, *, images: Path | None, file_order: bool, has_spheres: bool, others: Sequence[Path]
) -> Inputs:
    """Find the images and, where a file says them, the lights.

    Parameters
    ----------
    lights : Path
        File of lights, or a folder of images in which mirror spheres are seen.
    images : Path or None
        Folder with the images of the object; default is where the lights are.
    file_order : bool
        Give images to lights in their order.
    has_spheres : bool
        Whether spheres were named.
    others : sequence of Path
        Images that are no part of the stack: masks, dark frame, flat.

    Returns
    -------
    Inputs
        Images and lights in one order.

    Raises
    ------
    UsageError
        If spheres are named with a file of lights, or a folder comes without spheres.
    DataError, MismatchError
        As `graven.io.lightfiles.read_lights` and `graven.io.lightimages.match_images`.
    """
    if lights.is_dir():
        if not has_spheres:
            raise UsageError(
                f"{lights} is a folder; give a file of lights (.lp, .dome, .csv), or name spheres with --sphere"
            )
        seen = list_images(lights, leave_out=others)
        own = seen if images is None else list_images(images, leave_out=others)
        if len(own) != len(seen):
            raise DataError(
                f"{len(seen)} images show the spheres and {len(own)} the object; both need one for each light, in the "
                "same order"
            )
        note = () if images is None else ("images were given to lights in the order of their names",)
        return Inputs((images or lights).resolve().name, None, own, seen, note)
    if has_spheres:
        raise UsageError(f"--sphere reads lights off images, but {lights.name} gives them; leave one of the two out")
    known = read_lights(lights)
    folder = images if images is not None else _beside(lights, others)
    named, matched, extra = match_images(known, list_images(folder, leave_out=others), file_order=file_order)
    notes = []
    if file_order or not known.names:
        notes.append("images were given to lights in the order of their names")
    elif [name.casefold() for name in named.names] != [name.casefold() for name in known.names]:
        notes.append("images have other endings than the file of lights says, and were matched without them")
    if extra:
        notes.append(f"{len(extra)} images beside the stack belong to no light and were left out ({extra[0].name}, …)")
    return Inputs(lights.stem, named, matched, (), tuple(notes))


def _beside(lights: Path, others: Sequence[Path]) -> Path:
    """Give the folder of a light file, or its one subfolder with images if it has none itself."""
    if list_images(lights.parent, leave_out=others):
        return lights.parent
    below = [entry for entry in sorted(lights.parent.iterdir()) if entry.is_dir() and list_images(entry)]
    if len(below) != 1:
        raise UsageError(f"there are no images beside {lights.name}; give their folder with --images")
    return below[0]


def flat_images(flat: Path | None, count: int) -> tuple[Path, ...]:
    """Give the flats of a file or folder: one for all images, or one for each in the order of names.

    Parameters
    ----------
    flat : Path or None
        A file, or a folder with as many images as there are lights.
    count : int
        Number of lights.

    Returns
    -------
    tuple of Path
        Empty, one, or `count` of them.

    Raises
    ------
    InputError
        If the folder holds another number.
    """
    if flat is None or not flat.is_dir():
        return () if flat is None else (flat,)
    found = list_images(flat)
    if len(found) != count:
        raise InputError(f"--flat takes a file, or a folder with one flat for each of {count} lights, got {len(found)}")
    return found


def calibrate_lights(stack: LightStack, spheres: Sequence[str], names: Sequence[str]) -> tuple[Lights, tuple[str, ...]]:
    """Read directions off mirror spheres.

    Parameters
    ----------
    stack : LightStack
        Images that show the spheres.
    spheres : sequence of str
        Each ``x,y,radius`` in pixels, ``auto``, or a mask file in which spheres are white.
    names : sequence of str
        Names for the lights.

    Returns
    -------
    lights : Lights
        Directions of even strength.
    notes : tuple of str
        What was found and how well spheres agree.

    Raises
    ------
    InputError
        If a sphere is none of these.
    DataError
        If none is found, or none shows the lamp in some image.
    """
    circles = [circle for text in spheres for circle in _circles(text, stack)]
    directions, spread_deg = combine_directions(
        [sphere_directions(_crops(stack, circle), _moved(circle, _frame(stack, circle))) for circle in circles],
        names=names,
    )
    places = "; ".join(f"centre {circle.x:.1f}, {circle.y:.1f}, radius {circle.radius:.1f} px" for circle in circles)
    notes = [f"directions were read off {len(circles)} mirror sphere{'s' * (len(circles) > 1)} ({places})"]
    if len(circles) > 1:
        notes.append(f"the spheres agree to {spread_deg:.2f} degrees")
    if spread_deg > _FAR_SPREAD_DEG:
        notes.append("lights are so near that spheres see them in different directions; positions would serve better")
    return Lights(tuple(names), directions=directions), tuple(notes)


def _circles(text: str, stack: LightStack) -> tuple[Circle, ...]:
    if text == "auto":
        return _search(stack)
    numbers = text.split(",")
    if len(numbers) == 3:
        try:
            circle = Circle(*(float(number) for number in numbers))
        except ValueError as error:
            raise InputError(f"--sphere takes x,y,radius in px, auto or a mask file, got {text!r}: {error}") from error
        if not (0 <= circle.x <= stack.width and 0 <= circle.y <= stack.height):
            raise InputError(f"the sphere {text} lies outside the images of {stack.width} x {stack.height} px")
        return (circle,)
    return circles_of_mask(read_mask(text, size=(stack.height, stack.width))[0])


def _search(stack: LightStack) -> tuple[Circle, ...]:
    """Look for spheres in reduced images."""
    factor = overview_factor(stack.height, stack.width, long_side_px=_SEARCH_SIDE_PX)
    small = [_reduced(stack.only(index)) for index in range(len(stack.images))]
    found = find_mirror_spheres(np.stack(small))
    if not found:
        raise DataError(
            "no mirror sphere was found in the images; give its outline with --sphere x,y,radius (pixels from the "
            "upper left corner)"
        )
    return tuple(Circle(circle.x * factor, circle.y * factor, circle.radius * factor) for circle in found)


def _reduced(single: LightStack) -> NDArray[np.float32]:
    def read(window: Window) -> NDArray[np.float32]:
        return np.asarray(single.read(window, keep_clipped=True)[0][0])

    return np.asarray(
        overview(read, height=single.height, width=single.width, how="mean", long_side_px=_SEARCH_SIDE_PX), np.float32
    )


def _frame(stack: LightStack, circle: Circle) -> Window:
    """Give the window of the images around a circle."""
    row, col = int(circle.y - circle.radius), int(circle.x - circle.radius)
    size = int(np.ceil(2 * circle.radius)) + 2
    return Window(row, col, size, size).intersection(Window(0, 0, stack.height, stack.width))


def _crops(stack: LightStack, circle: Circle) -> list[NDArray[np.float32]]:
    window = _frame(stack, circle)
    return [stack.only(index).read(window, keep_clipped=True)[0][0] for index in range(len(stack.images))]


def _moved(circle: Circle, window: Window) -> Circle:
    return replace(circle, x=circle.x - window.col, y=circle.y - window.row)


def find_object_mask(text: str | None, stack: LightStack) -> NDArray[np.bool_] | None:
    """Give the mask of the object.

    Parameters
    ----------
    text : str or None
        Mask file, ``auto``, or None for no mask.
    stack : LightStack
        Images of the object.

    Returns
    -------
    ndarray of shape (H, W), bool, or None
        None where there is none.

    Raises
    ------
    DataError, MismatchError
        If the file is no mask of the size of the images, nothing stands out, or the mask is empty.
    """
    if text is None:
        return None
    if text != "auto":
        mask = read_mask(text, size=(stack.height, stack.width))[0]
        if not mask.any():
            raise DataError(f"{Path(text).name} marks nothing; paint the object white on black")
        return mask
    brightest = np.empty((stack.height, stack.width), np.float32)
    known = np.empty((stack.height, stack.width), bool)
    for window in stack.bands():
        grey, known[window.slices()] = stack.read(window, keep_clipped=True)
        np.max(np.nan_to_num(grey), axis=0, out=brightest[window.slices()])
    return find_object(brightest, known=known)
