"""The two EXIF entries that graven uses: orientation and resolution."""

from __future__ import annotations

import struct

__all__ = ["read_exif", "resolution_dpi"]

_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 274, 282, 283, 296


def read_exif(data: bytes) -> tuple[int, tuple[float, float] | None]:
    """Read orientation and resolution from an EXIF block.

    Parameters
    ----------
    data : bytes
        The block, beginning with its TIFF header.

    Returns
    -------
    orientation : int, 1 to 8
        1 where the block says nothing usable: cameras write broken EXIF, and pixels can be read without it.
    dpi : tuple of float or None
        Dots per inch, x and y.

    Examples
    --------
    >>> read_exif(b"MM" + bytes.fromhex("002a00000008 0001 0112 0003 00000001 00060000 00000000"))
    (6, None)
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 14:
        return 1, None
    (start,) = struct.unpack_from(order + "I", data, 4)
    if start + 2 > len(data):
        return 1, None
    (count,) = struct.unpack_from(order + "H", data, start)
    values: dict[int, float] = {}
    for index in range(min(count, (len(data) - start - 2) // 12)):
        offset = start + 2 + 12 * index
        tag, kind, _ = struct.unpack_from(order + "HHI", data, offset)
        if tag in (_ORIENTATION, _RESOLUTION_UNIT) and kind == 3:
            (values[tag],) = struct.unpack_from(order + "H", data, offset + 8)
        elif tag in (_X_RESOLUTION, _Y_RESOLUTION) and kind == 5:
            (place,) = struct.unpack_from(order + "I", data, offset + 8)
            if place + 8 <= len(data):
                above, below = struct.unpack_from(order + "II", data, place)
                values[tag] = above / below if below else 0.0
    orientation = int(values.get(_ORIENTATION, 1))
    return orientation if 1 <= orientation <= 8 else 1, resolution_dpi(
        values.get(_X_RESOLUTION, 0.0), values.get(_Y_RESOLUTION, 0.0), int(values.get(_RESOLUTION_UNIT, 2))
    )


def resolution_dpi(x: float, y: float, unit: int) -> tuple[float, float] | None:
    """Convert a resolution with its TIFF unit to dots per inch.

    Parameters
    ----------
    x, y : float
        Dots per unit.
    unit : int
        2 is the inch, 3 the centimetre, anything else no length.

    Returns
    -------
    tuple of float or None
        None where the resolution has no unit or is not positive.

    Examples
    --------
    >>> resolution_dpi(100.0, 100.0, 3)
    (254.0, 254.0)
    """
    per_inch = {2: 1.0, 3: 2.54}.get(unit)
    return (x * per_inch, y * per_inch) if per_inch and x > 0 and y > 0 else None
