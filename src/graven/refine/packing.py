"""Small whole numbers as text for a journal: differences along the rows, compressed, in base 64."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from graven.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

__all__ = ["array_sha256", "pack", "unpack"]

_LEVEL = 1  # the person waits; the best level takes thrice the time to save a twelfth


def pack(values: NDArray[Any]) -> str:
    """Write an array of whole numbers as text.

    Parameters
    ----------
    values : ndarray, int8 or int16
        Any shape. What changes slowly along its last axis becomes short.

    Returns
    -------
    str
        ASCII without line ends; the shape and the type are not in it.
    """
    # Differences wrap around, so they need no wider type; the bytes of one weight stand together.
    flat = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).ravel()
    unsigned = flat.view(f"<u{flat.itemsize}")
    steps = np.diff(unsigned, prepend=unsigned.dtype.type(0))
    planes = steps.view(np.uint8).reshape(-1, flat.itemsize).T
    return base64.b64encode(zlib.compress(planes.tobytes(), _LEVEL)).decode("ascii")


def unpack(text: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Read what `pack` wrote.

    Parameters
    ----------
    text : str
        As written.
    shape : tuple of int
        Shape of the array.
    dtype : dtype
        int8 or int16.

    Returns
    -------
    ndarray of that shape and type
        The same values.

    Raises
    ------
    DataError
        If the text holds anything else.

    Examples
    --------
    >>> unpack(pack(np.array([[1, -1], [0, 5]], np.int16)), (2, 2), np.int16).tolist()
    [[1, -1], [0, 5]]
    """
    kind = np.dtype(dtype)
    n_bytes = int(np.prod(shape)) * kind.itemsize
    try:
        packed = base64.b64decode(text, validate=True)
        reader = zlib.decompressobj()
        data = reader.decompress(packed, n_bytes + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise DataError(f"a packed array is damaged ({' '.join(str(error).split())[:80]}); restore the file") from error
    if len(data) != n_bytes or not reader.eof:
        raise DataError(f"a packed array of shape {shape} must hold {n_bytes} bytes, got others; restore the file")
    steps = np.frombuffer(data, np.uint8).reshape(kind.itemsize, -1).T.copy().view(f"<u{kind.itemsize}")
    values = np.cumsum(steps.ravel(), dtype=steps.dtype)
    return values.view(kind.newbyteorder("<")).astype(kind).reshape(shape)


def array_sha256(values: NDArray[Any]) -> str:
    """Hash the values of an array, the same on every machine.

    Parameters
    ----------
    values : ndarray, int8 or int16
        Any shape; the shape is not part of the hash.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()
