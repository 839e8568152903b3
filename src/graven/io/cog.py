"""How a Cloud Optimized GeoTIFF is made: streamed with its overviews, converted, opened again and compared, renamed.

Bands of rows go into a plain file without compression, and the overviews of bytes beside it (`graven.io.pyramid`); GDAL
then compresses each tile once and arranges it. Level 1 of deflate takes a third of the time of level 6, for files that
are an eighth larger (a third, where they hold classes); zstd would save a quarter again, but not every reader knows it.
"""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graven.errors import DiskFull, GravenError, InputError, OutOfMemory, OutputError
from graven.io.bands import BAND_ROWS, gather_bands
from graven.io.fs import atomic_path, free_bytes
from graven.io.gate import inspect
from graven.io.gdalenv import load_rasterio, quiet_about_missing_georeference, strict_options
from graven.io.pyramid import Pyramid, halve_mean, halve_mode, level_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from graven.io.pyramid import Halve
    from graven.types.raster import Georeference
    from graven.types.window import Window

__all__ = ["CogPlan", "write_cog"]

_TILE_PX = 512
_FULL_BELOW_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class CogPlan:
    """What a file shall be.

    Attributes
    ----------
    height, width, n_bands : int
        Size.
    dtype : numpy.dtype
        Type of the pixels.
    nodata : float or None
        Value of unknown pixels.
    predictor : {2, 3}
        TIFF predictor: 2 for integers, 3 for floats.
    resampling : {"MODE", "AVERAGE"}
        How overviews are made.
    descriptions, band_tags : tuple
        One per band.
    tags : mapping
        Of the file.
    georeference : Georeference or None
        None for a plain image.
    colors : mapping of int to RGBA
        Colour table of the first band; empty for none.
    scale : float or None
        Metadata of all bands; values on disk times this are what is meant.
    units : tuple of str or None
        One per band.
    picture : {"", "grey", "rgb"}
        For a picture, how its first bands are meant; one band more than that is alpha.
    """

    height: int
    width: int
    n_bands: int
    dtype: np.dtype[Any]
    nodata: float | None
    predictor: int
    resampling: Literal["MODE", "AVERAGE"]
    descriptions: tuple[str, ...]
    band_tags: tuple[Mapping[str, str], ...]
    tags: Mapping[str, str]
    georeference: Georeference | None
    colors: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    scale: float | None = None
    units: tuple[str, ...] | None = None
    picture: Literal["", "grey", "rgb"] = ""

    @property
    def halve(self) -> Halve | None:
        """How we make overviews; None leaves it to GDAL, which knows of alpha, NaN and 16 bits."""
        if self.dtype != np.uint8 or self.picture:
            return None
        if self.resampling == "MODE" and self.nodata is not None:
            return partial(halve_mode, nodata=int(self.nodata))
        return halve_mean if self.resampling == "AVERAGE" and self.nodata is None else None


def write_cog(target: Path, blocks: Iterable[tuple[Window, NDArray[Any]]], plan: CogPlan) -> None:
    """Write a raster from its blocks.

    Parameters
    ----------
    target : pathlib.Path
        File to be written.
    blocks : iterable of (Window, ndarray)
        As `graven.io.bands.gather_bands` takes them.
    plan : CogPlan
        What the file shall be.

    Raises
    ------
    InputError
        If the blocks do not partition the raster.
    DiskFull, OutputError
        If the file could not be written or does not read back as written; an existing file is then unchanged.
    OutOfMemory
        If memory runs out.
    """
    if plan.height < 1 or plan.width < 1 or plan.n_bands < 1:
        raise InputError(f"a raster needs pixels and bands, got {plan.n_bands} x {plan.height} x {plan.width}")
    hashes: list[int] = []
    with atomic_path(target, verify=lambda temporary: _verify(temporary, plan, hashes)) as temporary:
        plain = temporary.with_name("plain.tif")
        failures: list[Exception] = []
        bands = gather_bands(
            _watched(blocks, failures), height=plan.height, width=plan.width, n_bands=plan.n_bands, dtype=plan.dtype
        )
        try:
            _write_plain(plain, bands, plan, hashes)
            _convert(plain, temporary, plan)
            for file in (plain, *plain.parent.glob(f"{plain.name}.*")):
                file.unlink()
        except GravenError:
            raise
        except Exception as error:
            ours = error if error in failures else _as_ours(error, target, plain)
            if ours is error:
                raise  # among others where what made the blocks failed, not the writing of them
            raise ours from error


def _watched(
    blocks: Iterable[tuple[Window, NDArray[Any]]], failures: list[Exception]
) -> Iterator[tuple[Window, NDArray[Any]]]:
    """Pass blocks on and note the error of what makes them."""
    try:
        yield from blocks
    except Exception as error:
        failures.append(error)
        raise


def _as_ours(error: Exception, target: Path, plain: Path) -> Exception:
    """Judge what GDAL reported: on a full disk it speaks of seeks and strips, and has removed its file by then.

    The final file with its overviews needs less than one and a half times the plain one, which is not compressed, so
    less than that free means a full disk.
    """
    if isinstance(error, MemoryError):
        return OutOfMemory(f"{target}: memory ran out while writing; close other programs and run again")
    if isinstance(error, OSError) and error.errno is not None:
        return error
    size = plain.stat().st_size if plain.exists() else 0
    if free_bytes(target.parent) < max(3 * size // 2, _FULL_BELOW_BYTES):
        return DiskFull(f"{target}: the disk is full, the file was not changed; free some space and run again")
    reason = " ".join(str(error.__cause__ or error).split())[:100]
    return OutputError(f"{target}: cannot be written ({reason}); check the folder and the disk")


def _write_plain(path: Path, bands: Iterable[tuple[Window, NDArray[Any]]], plan: CogPlan, hashes: list[int]) -> None:
    rasterio = load_rasterio()
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": plan.height,
        "width": plan.width,
        "count": plan.n_bands,
        "dtype": plan.dtype.name,
        "nodata": plan.nodata,
        "tiled": True,
        "blockxsize": _TILE_PX,
        "blockysize": _TILE_PX,
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    if plan.picture:
        n_colors = 3 if plan.picture == "rgb" else 1
        profile["photometric"] = "RGB" if plan.picture == "rgb" else "MINISBLACK"
        profile["alpha"] = "YES" if plan.n_bands > n_colors else "NO"
    if plan.georeference is not None:
        profile["transform"] = rasterio.Affine(*plan.georeference.affine)
        if plan.georeference.crs_wkt is not None:
            profile["crs"] = rasterio.crs.CRS.from_wkt(plan.georeference.crs_wkt)
    with rasterio.Env(**strict_options()), ExitStack() as files:
        with quiet_about_missing_georeference():
            dataset = rasterio.open(str(path), "w", **profile)
        with dataset:
            dataset.update_tags(**plan.tags)
            if plan.colors:
                dataset.write_colormap(1, dict(plan.colors))
            if plan.scale is not None:
                dataset.scales = (plan.scale,) * plan.n_bands
                dataset.offsets = (0.0,) * plan.n_bands
            if plan.units is not None:
                dataset.units = plan.units
            for index, (name, band_tags) in enumerate(zip(plan.descriptions, plan.band_tags, strict=True), start=1):
                dataset.set_band_description(index, name)
                dataset.update_tags(index, **band_tags)
            pyramid = None
            if plan.halve is not None:
                size = {"height": plan.height, "width": plan.width, "n_bands": plan.n_bands}
                pyramid = files.enter_context(Pyramid(path, tile_px=_TILE_PX, halve=plan.halve, **size))
            for window, pixels in bands:
                area = rasterio.windows.Window(window.col, window.row, window.width, window.height)
                dataset.write(pixels, window=area)
                hashes.append(_digest(pixels))
                if pyramid is not None:
                    pyramid.add(pixels)


def _convert(plain: Path, final: Path, plan: CogPlan) -> None:
    """Let GDAL compress and arrange the tiles, with overviews of its own where there are none of ours.

    No threads, since those hide a full disk. Files beside the plain one are ours alone, so GDAL may look for them.
    """
    rasterio = load_rasterio()
    options = {**strict_options(), "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE"}
    with rasterio.Env(**options), quiet_about_missing_georeference():
        rasterio.shutil.copy(
            str(plain),
            str(final),
            driver="COG",
            strict=True,
            BLOCKSIZE=_TILE_PX,
            COMPRESS="DEFLATE",
            LEVEL=1,
            PREDICTOR="FLOATING_POINT" if plan.predictor == 3 else "STANDARD",
            OVERVIEWS="IGNORE_EXISTING" if plan.halve is None else "FORCE_USE_EXISTING",
            OVERVIEW_RESAMPLING=plan.resampling,
            BIGTIFF="IF_SAFER",
        )


def _verify(path: Path, plan: CogPlan, hashes: Sequence[int]) -> None:
    """Open the finished file and compare everything with what was meant."""
    rasterio = load_rasterio()
    try:
        inspect(path)
        with rasterio.Env(**strict_options()):
            with quiet_about_missing_georeference():
                dataset = rasterio.open(str(path), driver="GTiff", GEOREF_SOURCES="INTERNAL")
            with dataset:
                found = _facts(dataset, plan)
                meant = _meant_facts(plan)
                if found != meant:
                    raise OutputError(f"{path.name}: reads back as {found}, but {meant} was written; check the disk")
                for index, row in enumerate(range(0, plan.height, BAND_ROWS)):
                    rows = min(BAND_ROWS, plan.height - row)
                    pixels = dataset.read(window=rasterio.windows.Window(0, row, plan.width, rows))
                    if _digest(pixels) != hashes[index]:
                        raise OutputError(f"{path.name}: rows from {row} do not read back as written; check the disk")
    except OutputError:
        raise
    except Exception as error:
        raise OutputError(
            f"{path.name}: does not read back ({' '.join(str(error).split())}); check the disk"
        ) from error


def _facts(dataset: Any, plan: CogPlan) -> tuple[object, ...]:
    nodata = dataset.nodata
    return (
        dataset.shape,
        dataset.count,
        dataset.dtypes,
        "nan" if nodata is not None and np.isnan(nodata) else nodata,
        tuple(round(value, 12) for value in dataset.transform[:6]),
        dataset.crs is not None,
        dataset.block_shapes,
        dataset.descriptions,
        None if plan.halve is None else len(dataset.overviews(1)),
    )


def _meant_facts(plan: CogPlan) -> tuple[object, ...]:
    geo = plan.georeference
    affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0) if geo is None else geo.affine
    return (
        (plan.height, plan.width),
        plan.n_bands,
        (plan.dtype.name,) * plan.n_bands,
        "nan" if plan.nodata is not None and np.isnan(plan.nodata) else plan.nodata,
        tuple(round(value, 12) for value in affine),
        geo is not None and geo.crs_wkt is not None,
        [(_TILE_PX, _TILE_PX)] * plan.n_bands,
        plan.descriptions,
        None if plan.halve is None else len(level_sizes(plan.height, plan.width, tile_px=_TILE_PX)),
    )


def _digest(pixels: NDArray[Any]) -> int:
    """Sum up pixels, so that what a disk or a cut-off write does to them shows."""
    return zlib.crc32(np.ascontiguousarray(pixels).data)
