"""GDAL loads under our settings, or not at all; importing the package loads no decoder."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from graven.io.gdalenv import GDAL_SETTINGS, load_rasterio


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GDAL_", "CPL_", "JPEGMEM"))}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment | variables, capture_output=True, text=True, check=False
    )


LOAD = "from graven.io.gdalenv import load_rasterio; load_rasterio()"


def test_drivers_that_reach_out_are_gone_and_ours_are_there():
    done = run(
        "from graven.io.gdalenv import load_rasterio\n"
        "rasterio = load_rasterio()\n"
        "with rasterio.Env() as env: print(*sorted(env.drivers()))"
    )
    drivers = set(done.stdout.split())
    assert {"GTiff", "COG", "PNG", "JPEG"} <= drivers, done.stderr
    assert not {"VRT", "WMS", "HTTP", "PDF", "HDF5", "netCDF", "Zarr", "MBTiles", "STACTA", "WCS", "GTI"} & drivers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GDAL_PAM_ENABLED", "YES"),
        ("GDAL_DISABLE_READDIR_ON_OPEN", "FALSE"),
        ("GDAL_SKIP", "VRT"),
        ("GDAL_CACHEMAX", "4096"),
        ("GDAL_CACHEMAX", "50%"),
        ("GDAL_VRT_ENABLE_PYTHON", "YES"),
        ("GDAL_DRIVER_PATH", "/somewhere"),
        ("GDAL_JPEG_MAX_ALLOWED_SCAN_NUMBER", "1000"),
        ("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".tif"),
    ],
)
def test_a_looser_environment_is_refused_by_name(name, value):
    done = run(
        f"from graven.errors import UsageError\ntry:\n    {LOAD}\nexcept UsageError as error:\n    print(error)",
        **{name: value},
    )
    assert name in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GDAL_CACHEMAX", "64"),
        ("GDAL_SKIP", GDAL_SETTINGS["GDAL_SKIP"].replace(",", " ") + " GIF"),
        ("GDAL_PAM_ENABLED", "no"),
    ],
)
def test_a_stricter_environment_is_kept(name, value):
    done = run(f"{LOAD}\nimport os; print(os.environ['{name}'])", **{name: value})
    assert done.stdout.strip() == value, done.stderr


def test_importing_loads_neither_gdal_nor_a_decoder():
    modules = ", ".join(f"graven.io.{name}" for name in ("images", "geotiff", "gate", "fs", "roi", "scale", "folders"))
    done = run(
        f"import sys, {modules}\nprint([m for m in ('rasterio', 'pyogrio', 'PIL', 'cv2', 'torch') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_plain_image_raises_no_warning_and_the_filter_is_not_left_behind(tmp_path):
    code = f"""
import warnings
import numpy as np, PIL.Image
from graven.io.gdalenv import load_rasterio
from graven.io.images import open_raster
load_rasterio()
warnings.simplefilter("error")
before = list(warnings.filters)
path = {str(tmp_path / "a.tif")!r}
PIL.Image.fromarray(np.zeros((9, 9), np.uint8)).save(path)
print(open_raster(path).read().shape, warnings.filters == before)
"""
    done = run(code)
    assert done.stdout.strip() == "(1, 9, 9) True", done.stderr


def test_loading_twice_is_the_same_module():
    assert load_rasterio() is load_rasterio()


def test_both_gdals_load_at_the_same_time():
    # pyogrio is loaded under a shorter list of drivers, which the other thread must not see.
    done = run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from graven.io.gdalenv import load_rasterio\n"
        "from graven.io.ogrenv import load_pyogrio\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    first = pool.submit(load_pyogrio)\n"
        "    while not first.done(): pool.submit(load_rasterio).result()\n"
        "    first.result()\n"
    )
    assert done.returncode == 0, done.stderr
