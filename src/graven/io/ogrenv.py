"""The GDAL inside pyogrio under the same rules as the one inside rasterio, without its complaints about them.

Each wheel brings its own GDAL with its own set of drivers. Ours is one list of drivers to leave out; a GDAL that never
had one of them prints a warning about it when it is loaded.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from graven.errors import InputError
from graven.io.gdalenv import SETTLING, apply_gdal_settings

__all__ = ["check_ogr_path", "load_pyogrio"]

_NOT_IN_PYOGRIO = frozenset({"Rasterlite", "netCDF", "HDF5", "HDF5Image", "BAG"})


def check_ogr_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that pyogrio takes apart: it reads ``!`` as the way into an archive.

    Parameters
    ----------
    path : path
        Of a GeoPackage to be read.

    Raises
    ------
    InputError
        If there is such a sign in it, also in the name of a folder.
    """
    if "!" in os.fspath(path):
        raise InputError(f"{os.fspath(path)}: a GeoPackage cannot be read below a folder with ! in its name; move it")


def load_pyogrio() -> Any:
    """Import pyogrio with our settings in force.

    Returns
    -------
    module
        ``pyogrio``, with ``pyogrio.raw`` and ``pyogrio.errors`` loaded.

    Raises
    ------
    UsageError
        As `graven.io.gdalenv.apply_gdal_settings`.
    """
    with SETTLING:
        apply_gdal_settings()
        if "pyogrio" not in sys.modules:
            skipped = os.environ["GDAL_SKIP"]
            kept = [name for name in skipped.replace(" ", ",").split(",") if name not in _NOT_IN_PYOGRIO]
            os.environ["GDAL_SKIP"] = ",".join(kept)
            try:
                import pyogrio
            finally:
                os.environ["GDAL_SKIP"] = skipped
        import pyogrio.errors
        import pyogrio.raw
    return pyogrio
