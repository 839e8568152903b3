"""Writing rasters: read back by other libraries, the same bytes twice, and never half a file."""

from __future__ import annotations

import html
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graven.errors import DiskFull, InputError, OutputError, ResourceError
from graven.io import cog
from graven.io.bands import gather_bands
from graven.io.fs import sha256_file
from graven.io.gdalenv import load_rasterio
from graven.io.geotiff import write_float_cog, write_mask_cog, write_probability_cog
from graven.io.images import open_raster
from graven.types import ClassDefinition, ClassTable, Georeference, PixelSize, Window

HEIGHT, WIDTH = 700, 1100
CLASSES = ClassTable(
    (
        ClassDefinition(1, "pecked", "#D55E00", "dots", "area", "P"),
        ClassDefinition(7, 'groove & "line"', "#0072B2", "solid", "line", "G"),
    )
)
LOCAL_MM = (
    'ENGCRS["Panel 7 local",EDATUM["Panel 7 origin"],CS[Cartesian,2],AXIS["x",unspecified,ORDER[1]],'
    'AXIS["y",unspecified,ORDER[2]],LENGTHUNIT["millimetre",0.001]]'
)
LOCAL = Georeference((0.5, 0.0, 10.0, 0.0, -0.5, 900.0), LOCAL_MM, "local", 1.0)
SIZE = PixelSize(0.5, 0.5, "two-points", 0.003)


def mask_array():
    rng = np.random.default_rng(3)
    mask = rng.choice(np.array([0, 1, 7], np.uint8), size=(HEIGHT, WIDTH), p=[0.7, 0.2, 0.1])
    mask[:40, :60] = 255
    mask[600:, 1000:] = 1
    return mask


def rows_of(array, step=150):
    height = array.shape[-2]
    for row in range(0, height, step):
        rows = min(step, height - row)
        yield Window(row, 0, rows, array.shape[-1]), array[..., row : row + rows, :]


def write_mask(path, mask, **options):
    options = {"georeference": LOCAL, "pixel_size": SIZE, **options}
    write_mask_cog(path, rows_of(mask), height=HEIGHT, width=WIDTH, classes=CLASSES, **options)


def test_mask_read_by_tifffile_and_pillow(tmp_path):
    mask = mask_array()
    write_mask(tmp_path / "panel_mask.tif", mask, tags={"GRAVEN_RUN_ID": "r1", "GRAVEN_SOURCE_SHA256": "ab" * 32})
    with tifffile.TiffFile(tmp_path / "panel_mask.tif") as opened:
        page = opened.pages[0]
        assert (page.shape, page.dtype, page.tilewidth, page.tilelength) == ((HEIGHT, WIDTH), np.uint8, 512, 512)
        assert (page.compression.name, page.predictor) == ("ADOBE_DEFLATE", 2)
        assert page.photometric.name == "PALETTE"
        np.testing.assert_array_equal(page.colormap[:, [1, 7]] >> 8, [[0xD5, 0x00], [0x5E, 0x72], [0x00, 0xB2]])
        assert page.tags["Software"].value.startswith("graven ")
        assert page.tags["GDAL_NODATA"].value.strip() == "255"
        # GDAL escapes twice when it writes, and undoes both when it reads
        items = {
            i.get("name"): html.unescape(i.text)
            for i in ET.fromstring(page.tags["GDAL_METADATA"].value)
            if i.get("sample") is None
        }
        assert items["GRAVEN_RUN_ID"] == "r1"
        assert items["GRAVEN_SOURCE_SHA256"] == "ab" * 32
        assert items["GRAVEN_PIXEL_SIZE_MM"] == "0.5 0.5"
        assert [c["name"] for c in json.loads(items["GRAVEN_CLASSES"])] == ["pecked", 'groove & "line"']
        assert [p.shape for p in opened.pages[1:]] == [(350, 550), (175, 275)]
        assert set(np.unique(opened.pages[1].asarray())) <= {0, 1, 7, 255}  # majority invents no class
    with PIL.Image.open(tmp_path / "panel_mask.tif") as image:
        np.testing.assert_array_equal(np.asarray(image), mask)
        assert image.getpalette()[3:6] == [0xD5, 0x5E, 0x00]


def test_mask_comes_back_through_our_reader_with_everything(tmp_path):
    mask = mask_array()
    write_mask(tmp_path / "panel_mask.tif", mask)
    raster = open_raster(tmp_path / "panel_mask.tif", palette="index")
    np.testing.assert_array_equal(raster.read()[0], mask)
    np.testing.assert_array_equal(raster.read_valid(raster.bounds), mask != 255)
    assert raster.georeference == LOCAL
    assert raster.pixel_size == SIZE
    colors = open_raster(tmp_path / "panel_mask.tif").read(Window(650, 1050, 1, 1))
    assert colors[:, 0, 0].tolist() == [0xD5, 0x5E, 0x00]


def test_plain_image_stays_plain_and_keeps_its_stated_scale(tmp_path):
    write_mask(tmp_path / "a_mask.tif", mask_array(), georeference=None, pixel_size=PixelSize(0.1, 0.2, "user"))
    raster = open_raster(tmp_path / "a_mask.tif", palette="index")
    assert raster.georeference is None
    assert raster.pixel_size == PixelSize(0.1, 0.2, "user")
    with tifffile.TiffFile(tmp_path / "a_mask.tif") as opened:
        assert not {"ModelPixelScaleTag", "ModelTiepointTag", "GeoKeyDirectoryTag"} & {
            t.name for t in opened.pages[0].tags
        }


def test_style_is_xml_with_the_classes(tmp_path):
    write_mask(tmp_path / "panel_mask.tif", mask_array())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["panel_mask.qml", "panel_mask.tif"]
    entries = ET.parse(tmp_path / "panel_mask.qml").findall(".//paletteEntry")
    found = {(e.get("value"), e.get("color"), e.get("label")) for e in entries}
    assert {("1", "#d55e00", "pecked"), ("7", "#0072b2", 'groove & "line"')} < found


def test_probability_read_by_tifffile_and_rasterio(tmp_path):
    probs = np.random.default_rng(5).integers(0, 256, (2, HEIGHT, WIDTH), np.uint8)
    write_probability_cog(
        tmp_path / "p.tif", rows_of(probs, 333), height=HEIGHT, width=WIDTH, classes=CLASSES, georeference=LOCAL
    )
    with tifffile.TiffFile(tmp_path / "p.tif") as opened:
        read = opened.series[0].asarray()
        np.testing.assert_array_equal(read if read.shape == probs.shape else np.moveaxis(read, -1, 0), probs)
    with load_rasterio().open(tmp_path / "p.tif") as dataset:
        assert dataset.descriptions == ("pecked", 'groove & "line"')
        assert (dataset.scales, dataset.offsets, dataset.nodata) == ((1 / 255, 1 / 255), (0.0, 0.0), None)
        assert dataset.overviews(1)[0] == 2
        overview = dataset.read(1, out_shape=(350, 550)).astype(float)
    means = probs[0].reshape(350, 2, 550, 2).mean(axis=(1, 3))
    assert np.abs(overview - means).max() <= 0.5  # AVERAGE, rounded
    raster = open_raster(tmp_path / "p.tif")
    np.testing.assert_array_equal(raster.read(), probs)
    assert raster.read_valid(raster.bounds).all()  # 255 is a probability


def test_float_keeps_every_bit_and_nan_is_unknown(tmp_path):
    height_mm = np.random.default_rng(6).normal(size=(1, 300, 200)).astype(np.float32)
    height_mm[0, 7, 8] = np.nan
    write_float_cog(
        tmp_path / "h.tif",
        rows_of(height_mm),
        height=300,
        width=200,
        names=("height",),
        units=("mm",),
        georeference=LOCAL,
    )
    with tifffile.TiffFile(tmp_path / "h.tif") as opened:
        assert opened.pages[0].predictor == 3
        assert opened.pages[0].tags["GDAL_NODATA"].value.strip() == "nan"
    with load_rasterio().open(tmp_path / "h.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), height_mm)
        assert (dataset.units, dataset.descriptions) == (("mm",), ("height",))
    raster = open_raster(tmp_path / "h.tif")
    np.testing.assert_array_equal(raster.read_valid(raster.bounds), np.isfinite(height_mm[0]))


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:2263", "EPSG:25832+5783", None])
def test_affine_and_crs_are_untouched(tmp_path, crs):
    rasterio = load_rasterio()
    affine = (0.0004, 0.0003, 600_000.123456, 0.0003, -0.0004, 5_100_000.654321)
    with rasterio.open(
        tmp_path / "in.tif", "w", driver="GTiff", height=20, width=30, count=1, dtype="uint8",
        transform=rasterio.Affine(*affine), crs=crs,
    ) as dataset:  # fmt: skip
        dataset.write(np.zeros((1, 20, 30), np.uint8))
    source = open_raster(tmp_path / "in.tif")
    zeros = np.zeros((20, 30), np.uint8)
    write_mask_cog(
        tmp_path / "out.tif", rows_of(zeros), height=20, width=30, classes=CLASSES,
        georeference=source.georeference, pixel_size=source.pixel_size,
    )  # fmt: skip
    with rasterio.open(tmp_path / "in.tif") as before, rasterio.open(tmp_path / "out.tif") as after:
        assert after.transform == before.transform
        assert after.crs == before.crs
    found = open_raster(tmp_path / "out.tif").georeference
    assert replace(found, crs_wkt=None) == replace(source.georeference, crs_wkt=None)


def test_a_marked_corner_lands_on_the_same_place(tmp_path):
    """The outer corner of the only marked pixel, taken from our value and from GDAL's own reading of the file."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[123, 456] = 1
    write_mask(tmp_path / "m.tif", mask)
    by_hand = (10 + 0.5 * 456, 900 - 0.5 * 123)
    raster = open_raster(tmp_path / "m.tif", palette="index")
    row, col = np.argwhere(raster.read()[0] == 1)[0]
    assert tuple(raster.georeference.to_world(np.array([[col, row]], float))[0]) == by_hand
    with tifffile.TiffFile(tmp_path / "m.tif") as opened:
        tags = {t.name: t.value for t in opened.pages[0].tags}
        row, col = np.argwhere(opened.pages[0].asarray() == 1)[0]
    (i, j, _, x, y, _), (sx, sy, _) = tags["ModelTiepointTag"], tags["ModelPixelScaleTag"]
    assert (x + (col - i) * sx, y - (row - j) * sy) == by_hand
    keys = tags["GeoKeyDirectoryTag"]
    assert dict(zip(keys[4::4], keys[7::4], strict=True))[1025] == 1  # RasterPixelIsArea: corners, not centres


def test_same_content_same_bytes_however_it_is_cut(tmp_path):
    mask = mask_array()
    write_mask(tmp_path / "a.tif", mask)
    first = sha256_file(tmp_path / "a.tif")
    (tmp_path / "later").mkdir()
    time.sleep(1.1)  # a time stamp of one second would differ
    tiles = [
        (Window(r, c, min(256, HEIGHT - r), min(300, WIDTH - c)), mask[r : r + 256, c : c + 300])
        for r in range(0, HEIGHT, 256)
        for c in range(0, WIDTH, 300)
    ]
    write_mask_cog(
        tmp_path / "later" / "b.tif",
        tiles,
        height=HEIGHT,
        width=WIDTH,
        classes=CLASSES,
        georeference=LOCAL,
        pixel_size=SIZE,
    )
    assert sha256_file(tmp_path / "later" / "b.tif") == first


# Blocks


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_bands_give_the_raster_back(data):
    height, width = data.draw(st.integers(1, 1200)), data.draw(st.integers(1, 9))
    array = np.random.default_rng(0).integers(0, 256, (2, height, width), np.uint8)
    cuts = sorted({0, height, *data.draw(st.lists(st.integers(1, height), max_size=5))})
    blocks = []
    for top, bottom in itertools.pairwise(cuts):
        middle = data.draw(st.integers(0, width))
        for left, right in ((0, middle), (middle, width)):
            if right > left:
                window = Window(top, left, bottom - top, right - left)
                blocks.append((window, array[:, top:bottom, left:right]))
    bands = list(gather_bands(blocks, height=height, width=width, n_bands=2, dtype=np.dtype(np.uint8)))
    np.testing.assert_array_equal(np.concatenate([band for _, band in bands], axis=1), array)
    assert [window.row for window, _ in bands] == list(range(0, height, 512))


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([], "blocks ended"),
        ([(Window(0, 0, 4, 4), np.zeros((4, 4), np.uint8))] * 2, "row order"),
        ([(Window(0, 0, 3, 4), np.zeros((3, 4), np.uint8))] * 2, "another block"),
        ([(Window(0, 0, 4, 5), np.zeros((4, 5), np.uint8))], "leaves the raster"),
        ([(Window(0, 0, 4, 4), np.zeros((4, 4), np.uint16))], "uint16"),
        ([(Window(0, 0, 4, 4), np.zeros((3, 4), np.uint8))], "shape"),
        ([(Window(0, 0, 4, 4), np.full((4, 4), 3, np.uint8))], "may hold 0, 255"),
        ([(Window(0, 0, 3, 4), np.zeros((3, 4), np.uint8))], "blocks ended"),
    ],
)
def test_wrong_blocks_are_refused_and_nothing_is_written(tmp_path, blocks, words):
    with pytest.raises(InputError, match=words):
        write_mask_cog(tmp_path / "m.tif", blocks, height=4, width=4, classes=CLASSES)
    assert list(tmp_path.iterdir()) == []


# Failure


def test_a_writer_that_lies_is_found_out(tmp_path, monkeypatch):
    """GDAL may report success on a full disk; a file that lost a tile must not get its name."""
    target = tmp_path / "m.tif"
    write_mask(target, mask_array())
    before = target.read_bytes()
    convert = cog._convert

    def lossy(plain, final, plan):
        convert(plain, final, plan)
        with final.open("r+b") as stream:
            stream.truncate(final.stat().st_size // 2)

    monkeypatch.setattr(cog, "_convert", lossy)
    with pytest.raises(OutputError, match="does not read back"):
        write_mask(target, 1 - (mask_array() > 0).astype(np.uint8))
    assert target.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.qml", "m.tif"]


def test_changed_pixels_are_found_out(tmp_path, monkeypatch):
    convert = cog._convert

    def wrong(plain, final, plan):
        with load_rasterio().open(plain, "r+") as dataset:
            dataset.write(np.full((1, 1, 1), 7, np.uint8), window=((650, 651), (1050, 1051)))
        convert(plain, final, plan)

    monkeypatch.setattr(cog, "_convert", wrong)
    with pytest.raises(OutputError, match="rows from 512"):
        write_mask(tmp_path / "m.tif", mask_array())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError("mine"), RuntimeError("mine"), MemoryError("mine"), KeyboardInterrupt()])
def test_the_error_of_what_makes_the_blocks_comes_through(tmp_path, error):
    def blocks():
        yield Window(0, 0, 2, 4), np.zeros((2, 4), np.uint8)
        raise error

    with pytest.raises(type(error)) as caught:
        write_mask_cog(tmp_path / "m.tif", blocks(), height=4, width=4, classes=CLASSES)
    assert caught.value is error
    assert list(tmp_path.iterdir()) == []


_NOISE_WRITER = """
import sys, resource, signal
import numpy as np
from graven.errors import DiskFull, ResourceError
from graven.io.geotiff import write_probability_cog
from graven.types import PETROGLYPH_CLASSES, Window
if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
noise = np.random.default_rng(0).integers(0, 256, (1, 1024, 1024), np.uint8)
print("start", flush=True)
try:
    write_probability_cog(sys.argv[1], [(Window(0, 0, 1024, 1024), noise)], height=1024, width=1024,
                          classes=PETROGLYPH_CLASSES)
except ResourceError as error:
    print(type(error).__name__, str(error).count(chr(10)))
else:
    print("written")
"""


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(
    not can_mount(), reason="no unprivileged user name spaces here; the file size limit is tested instead"
)
@pytest.mark.parametrize("size_kib", [4, 64, 700, 1400, 2100, 2500])
def test_full_disk_is_an_error_and_changes_nothing(tmp_path, size_kib):
    """A real file system of a few KiB: noise of 1 MiB needs about 2.7 MiB while it is written."""
    script = f"""
        mount -t tmpfs -o size={size_kib}k none {tmp_path}
        printf old > {tmp_path}/p.tif
        {sys.executable} -c '{_NOISE_WRITER}' {tmp_path}/p.tif
        ls -A {tmp_path}
        cat {tmp_path}/p.tif
    """
    done = subprocess.run(["unshare", "-Urm", "sh", "-ec", textwrap.dedent(script)], capture_output=True, check=True)
    assert done.stdout.decode().split() == ["start", "DiskFull", "0", "p.tif", "old"], done.stderr.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the file size of a process")
@pytest.mark.parametrize("limit", [1, 4096, 300_000, 900_000])
def test_a_file_size_limit_is_an_error_and_changes_nothing(tmp_path, limit):
    (tmp_path / "p.tif").write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", _NOISE_WRITER, tmp_path / "p.tif", str(limit)], capture_output=True, check=True
    )
    state, kind, n_lines = done.stdout.decode().split()
    assert (state, n_lines) == ("start", "0")
    assert kind in {DiskFull.__name__, OutputError.__name__}
    assert issubclass(DiskFull, ResourceError)
    assert (tmp_path / "p.tif").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["p.tif"]


@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.05, 0.08, 0.12, 0.2])
def test_kill_minus_nine_leaves_the_old_file_or_the_new_one(tmp_path, delay_s):
    target = tmp_path / "p.tif"
    target.write_text("old")
    with subprocess.Popen([sys.executable, "-c", _NOISE_WRITER, target], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"start\n"
        time.sleep(delay_s)
        os.kill(writer.pid, signal.SIGKILL)
    if target.read_bytes() != b"old":
        noise = np.random.default_rng(0).integers(0, 256, (1, 1024, 1024), np.uint8)
        np.testing.assert_array_equal(open_raster(target).read(), noise)
    write_probability_cog(
        tmp_path / "q.tif", rows_of(np.zeros((2, 9, 9), np.uint8)), height=9, width=9, classes=CLASSES
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.tif", "q.tif"]  # left-overs are swept by the next write


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from Linux's /proc")
def test_memory_does_not_grow_with_height(tmp_path):
    """20,000 x 20,000 px against 5,000 x 20,000 px: the peak may differ by the block cache, not by the pixels."""
    code = """
import sys
import numpy as np
from graven.io.geotiff import write_mask_cog
from graven.io.images import open_raster
from graven.types import PETROGLYPH_CLASSES, Window
height, width = int(sys.argv[2]), 20000
def blocks():
    rng = np.random.default_rng(0)
    for row in range(0, height, 500):
        block = np.zeros((500, width), np.uint8)
        block[rng.integers(0, 500, 2000), rng.integers(0, width, 2000)] = 1
        yield Window(row, 0, 500, width), block
write_mask_cog(sys.argv[1], blocks(), height=height, width=width, classes=PETROGLYPH_CLASSES)
raster = open_raster(sys.argv[1], palette="index", hash_source=False)
total = sum(int(raster.read(Window(r, 0, 500, width)).sum()) for r in range(0, height, 500))
status = open("/proc/self/status").read()  # getrusage would count the process that started this one as well
print(int(status.split("VmHWM:")[1].split()[0]) // 1024, total)
"""
    peaks: list[int] = []
    for height in (5000, 20000):
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / f"{height}.tif", str(height)], capture_output=True, check=True
        )
        peak, total = map(int, done.stdout.split())
        assert total > 0
        peaks.append(peak)
    assert max(peaks) < 700, f"peaks in MiB: {peaks}"
    assert peaks[1] - peaks[0] < 280, f"peaks in MiB: {peaks}"  # 256 MB of GDAL block cache fill up on the larger one
