"""Planes of numbers on disk while a run lasts: written in bands of rows, read by windows.

Plain reads and writes instead of a memory map: mapped pages count as memory of the process, and the point of a band is
that they do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graven.io import seam
from graven.types.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Planes"]


class Planes:
    """A raster of one or more planes in a scratch file.

    Parameters
    ----------
    path : Path
        File to create; it is no result, and whoever made the folder removes it.
    n_planes, height, width : int
        Size.
    dtype : numpy.dtype
        Type of the numbers.

    Raises
    ------
    DiskFull, OutputError
        If it cannot be written.
    """

    def __init__(self, path: Path, *, n_planes: int, height: int, width: int, dtype: Any = np.float32) -> None:
        self.path = path
        self.shape = (n_planes, height, width)
        self.dtype = np.dtype(dtype)
        try:
            with path.open("xb") as file:
                file.truncate(n_planes * height * width * self.dtype.itemsize)
        except OSError as error:
            raise seam.as_resource_error(error, path) from error

    def write(self, row: int, block: NDArray[Any]) -> None:
        """Write rows over the whole width.

        Parameters
        ----------
        row : int
            First row.
        block : ndarray of shape (n_planes, n, width)
            The rows.

        Raises
        ------
        DiskFull, OutputError
            If they cannot be written.
        """
        try:
            with self.path.open("r+b") as file:
                for plane, values in enumerate(block):
                    file.seek(self._offset(plane, row))
                    file.write(np.ascontiguousarray(values, self.dtype).data)
        except OSError as error:
            raise seam.as_resource_error(error, self.path) from error

    def read(self, window: Window | None = None) -> NDArray[Any]:
        """Read a window.

        Parameters
        ----------
        window : Window, optional
            Inside the raster; default is all of it.

        Returns
        -------
        ndarray of shape (n_planes, h, w)
            What was written; 0 where nothing was.
        """
        n_planes, height, width = self.shape
        asked = Window(0, 0, height, width) if window is None else window
        pixels = np.empty((n_planes, asked.height, asked.width), self.dtype)
        with self.path.open("rb") as file:
            for plane in range(n_planes):
                file.seek(self._offset(plane, asked.row))
                rows = np.fromfile(file, self.dtype, asked.height * width).reshape(asked.height, width)
                pixels[plane] = rows[:, asked.col : asked.col_end]
        return pixels

    def blocks(self, n_rows: int = 512) -> Iterator[tuple[Window, NDArray[Any]]]:
        """Yield bands of rows with their windows, as the raster writers take them."""
        _, height, width = self.shape
        for row in range(0, height, n_rows):
            window = Window(row, 0, min(n_rows, height - row), width)
            yield window, self.read(window)

    def _offset(self, plane: int, row: int) -> int:
        _, height, width = self.shape
        return int((plane * height + row) * width * self.dtype.itemsize)
