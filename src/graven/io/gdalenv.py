"""GDAL under our rules: the environment that must stand before it is loaded, and the one way to load it.

GDAL reads its settings from the process environment when it registers its drivers. `load_rasterio` puts the settings
there, refuses an environment that loosens them, and only then imports rasterio. Where a program has imported rasterio
before, drivers cannot be taken back; files are then still safe, because each is opened with one named driver after the
gate has seen it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import warnings
from typing import TYPE_CHECKING, Any

from graven.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "CACHE_MAX_MB",
    "GDAL_SETTINGS",
    "SETTLING",
    "apply_gdal_settings",
    "gdal_warnings",
    "load_rasterio",
    "quiet_about_missing_georeference",
    "quiet_threads",
    "strict_options",
]

CACHE_MAX_MB = 128
"""Block cache of GDAL, for the whole process."""

GDAL_SETTINGS: dict[str, str] = {
    "GDAL_SKIP": (
        "VRT,GTI,DERIVED,WMS,WMTS,WCS,HTTP,OGCAPI,STACTA,STACIT,PLMOSAIC,EEDA,EEDAI,NGW,DAAS,PDF,MBTiles,Rasterlite,"
        "KMLSUPEROVERLAY,PCIDSK,RPFTOC,RS2,netCDF,HDF5,HDF5Image,BAG,Zarr"
    ),
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".graven-none",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": str(CACHE_MAX_MB),
    "GDAL_MAX_DATASET_POOL_SIZE": "16",
    "GDAL_JPEG_MAX_ALLOWED_SCAN_NUMBER": "20",
    "GDAL_ALLOW_LARGE_LIBJPEG_MEM_ALLOC": "NO",
    "JPEGMEM": "512M",
    "GDAL_HTTP_TIMEOUT": "1",
}
"""What stands in the environment before GDAL is loaded."""

_UPPER_LIMITS = frozenset(
    {"GDAL_CACHEMAX", "GDAL_MAX_DATASET_POOL_SIZE", "GDAL_JPEG_MAX_ALLOWED_SCAN_NUMBER", "GDAL_HTTP_TIMEOUT"}
)
SETTLING = threading.RLock()
"""Held while the environment is read or changed, and while a GDAL is loaded that needs it otherwise."""

_LOCK = threading.Lock()


def apply_gdal_settings() -> None:
    """Put our settings into the environment of this process.

    Raises
    ------
    UsageError
        If a variable is already set to something looser; stricter values are kept.
    """
    with SETTLING:
        for name, value in GDAL_SETTINGS.items():
            present = os.environ.get(name)
            if present is None:
                os.environ[name] = value
            elif not _is_as_strict(name, present, value):
                raise UsageError(
                    f"the environment sets {name}={present}, but graven needs {value.split(',')[0]}"
                    f"{' and others' if ',' in value else ''}; unset {name} and run again"
                )


def load_rasterio() -> Any:
    """Import rasterio with our settings in force.

    Returns
    -------
    module
        ``rasterio``, with ``rasterio.shutil``, ``rasterio.features`` and ``rasterio.windows`` loaded.

    Raises
    ------
    UsageError
        As `apply_gdal_settings`.
    """
    with SETTLING:
        apply_gdal_settings()
        import rasterio
        import rasterio.features
        import rasterio.shutil
        import rasterio.windows

    return rasterio


def strict_options() -> Mapping[str, str]:
    """Give the settings that GDAL also takes at run time; they win over those of a host program.

    Returns
    -------
    mapping of str to str
        For ``rasterio.Env``.
    """
    at_start = {"GDAL_SKIP", "GDAL_DRIVER_PATH", "GDAL_CACHEMAX", "GDAL_MAX_DATASET_POOL_SIZE", "JPEGMEM"}
    return {name: value for name, value in GDAL_SETTINGS.items() if name not in at_start}


@contextlib.contextmanager
def quiet_about_missing_georeference() -> Iterator[None]:
    """Let a plain image be opened without rasterio's warning that it is one.

    Notes
    -----
    Python keeps its warning filters per process, so the block holds a lock; keep it short.
    """
    from rasterio.errors import NotGeoreferencedWarning

    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextlib.contextmanager
def quiet_threads() -> Iterator[None]:
    """Let threads that are started inside write plain images without that warning.

    Notes
    -----
    Threads that enter and leave `warnings.catch_warnings` at the same time may restore each other's filters. Here every
    list of filters that they can restore ignores the warning.
    """
    load_rasterio()
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


class _Listener(logging.Handler):
    """Keeps what is logged in one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.heard.append(record.getMessage())


@contextlib.contextmanager
def gdal_warnings() -> Iterator[list[str]]:
    """Gather what GDAL warns of in this thread; rasterio hands warnings on to its log and to nobody else.

    Yields
    ------
    list of str
        Fills while the block runs inside ``rasterio.Env``; stays empty where a host program has silenced the log.
    """
    listener, log = _Listener(), logging.getLogger("rasterio")
    log.addHandler(listener)
    try:
        yield listener.heard
    finally:
        log.removeHandler(listener)


def _is_as_strict(name: str, present: str, value: str) -> bool:
    if name == "GDAL_SKIP":
        return set(re.split(r"[ ,]+", value.lower())) <= set(re.split(r"[ ,]+", present.strip().lower()))
    if name in _UPPER_LIMITS:
        return present.isdigit() and 0 < int(present) <= int(value)
    return present.strip().lower() == value.lower()
