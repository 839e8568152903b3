"""The input gate: what is refused, and that every truncation is."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graven.errors import DataError, FormatRefused, GravenError, ImageDamaged, ImageTooLarge, InputError
from graven.io.gate import inspect
from graven.io.gdalenv import load_rasterio
from graven.io.images import open_raster
from graven.types import Window

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (70, 90, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (70, 90, 3), np.uint16)


def write_geotiff(path, pixels, **profile):
    rasterio = load_rasterio()
    bands = np.moveaxis(np.atleast_3d(pixels), -1, 0)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=bands.shape[1],
        width=bands.shape[2],
        count=bands.shape[0],
        dtype=bands.dtype.name,
        transform=rasterio.Affine(0.5, 0, 10, 0, -0.5, 20),
        **profile,
    ) as dataset:
        dataset.write(bands)


def write_cog(path, pixels):
    rasterio = load_rasterio()
    plain = path.with_name("plain.tif")
    write_geotiff(plain, pixels, tiled=True, blockxsize=64, blockysize=64)
    rasterio.shutil.copy(plain, path, driver="COG", BLOCKSIZE=32, COMPRESS="DEFLATE")
    plain.unlink()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def ihdr(width, height, bits=8, color=2, interlace=0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace))


def tiff(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A little-endian TIFF of one directory with inline values only."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", following)


MAKERS = {
    "plain.tif": lambda p: tifffile.imwrite(p, RGB, photometric="rgb"),
    "deep.tif": lambda p: tifffile.imwrite(p, DEEP, photometric="rgb", compression="zlib", predictor=True),
    "big.tif": lambda p: tifffile.imwrite(p, RGB, photometric="rgb", bigtiff=True, rowsperstrip=16),
    "motorola.tif": lambda p: tifffile.imwrite(p, DEEP, photometric="rgb", byteorder=">"),
    "planar.tif": lambda p: tifffile.imwrite(
        p, np.moveaxis(RGB, -1, 0).copy(), photometric="rgb", planarconfig="separate", rowsperstrip=8
    ),
    "tiled.tif": lambda p: write_geotiff(p, RGB, tiled=True, blockxsize=32, blockysize=32, compress="lzw"),
    "jpeg.tif": lambda p: write_geotiff(
        p, RGB, tiled=True, blockxsize=64, blockysize=64, compress="jpeg", photometric="YCBCR"
    ),
    "cog.tif": lambda p: write_cog(p, RGB),
    "float.tif": lambda p: write_geotiff(p, RGB[..., 0].astype(np.float32), compress="deflate", predictor=3),
    "plain.png": lambda p: PIL.Image.fromarray(RGB).save(p),
    "grey16.png": lambda p: PIL.Image.fromarray(DEEP[..., 0]).save(p),
    "palette.png": lambda p: PIL.Image.fromarray(RGB).convert("P").save(p),
    "plain.jpg": lambda p: PIL.Image.fromarray(RGB).save(p, quality=90),
    "progressive.jpg": lambda p: PIL.Image.fromarray(RGB).save(p, progressive=True),
}


@pytest.mark.parametrize("name", MAKERS)
def test_whole_files_pass_and_tell_their_size(tmp_path, name):
    MAKERS[name](tmp_path / name)
    header = inspect(tmp_path / name)
    assert (header.height, header.width) == (70, 90)
    assert header.format == {"tif": "tiff", "png": "png", "jpg": "jpeg"}[name.split(".")[1]]
    deep = name in ("deep.tif", "motorola.tif", "grey16.png")
    assert header.dtype == (np.float32 if name == "float.tif" else np.uint16 if deep else np.uint8)


@pytest.mark.parametrize("name", MAKERS)
def test_every_truncation_is_refused(tmp_path, name):
    """64 cut points: the structure at the front byte by byte, the rest evenly, and the last byte."""
    whole = tmp_path / name
    MAKERS[name](whole)
    data = whole.read_bytes()
    front = np.linspace(1, min(256, len(data) - 1), 20).astype(int)
    rest = np.linspace(257, len(data) - 1, 44).astype(int)
    cut_file = tmp_path / f"cut-{name}"
    for cut in sorted({*front.tolist(), *rest.tolist()}):
        cut_file.write_bytes(data[:cut])
        with pytest.raises(DataError) as caught:
            inspect(cut_file)
        assert isinstance(caught.value, ImageDamaged if cut >= 16 else (ImageDamaged, FormatRefused)), cut
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) <= 200


@pytest.mark.parametrize("name", MAKERS)
def test_mutants_read_or_fail_with_one_line(tmp_path, name):
    """Bytes set at random, checksums repaired where the format has them: our error or a raster, nothing else."""
    whole, mutant = tmp_path / name, tmp_path / f"mutant-{name}"
    MAKERS[name](whole)
    data = whole.read_bytes()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(-400, 400), st.integers(0, 255)), min_size=1, max_size=4))
    def run(changes):
        changed = bytearray(data)
        for position, value in changes:
            changed[position] = value
        if name.endswith("png"):
            changed = repaired_png(bytes(changed))
        mutant.write_bytes(bytes(changed))
        message = ""
        try:
            raster = open_raster(mutant, memory_limit_bytes=64 << 20, hash_source=False)
            raster.read(raster.bounds.intersection(Window(0, 0, 256, 256)))
        except GravenError as error:
            message = str(error)
        assert "\n" not in message

    run()


def repaired_png(data: bytes) -> bytes:
    position = 8
    out = bytearray(data)
    while position + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, position)
        end = position + 8 + length
        if end + 4 > len(out):
            break
        struct.pack_into(">I", out, end, zlib.crc32(out[position + 4 : end]))
        position = end + 4
    return bytes(out)


# What a file is, whatever its name says

VRT = '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("photo.tif", VRT.encode(), "XML"),
        ("photo.tif", b"\xef\xbb\xbf  \n" + VRT.encode(), "XML"),
        ("wms.tif", b"<GDAL_WMS><Service/></GDAL_WMS>", "XML"),
        ("photo.png", b"GIF89a" + bytes(20), "GIF"),
        ("photo.jpg", b"%PDF-1.7" + bytes(20), "PDF"),
        ("photo.tif", b"hello world, this is text", "neither"),
        ("photo.tif", b"\0" * 64, "neither"),
    ],
)
def test_other_formats_are_named_and_refused(tmp_path, name, content, word):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatRefused, match=word):
        open_raster(tmp_path / name)


def test_a_virtual_raster_named_tif_never_reads_its_source(tmp_path):
    secret = tmp_path / "secret.png"
    PIL.Image.fromarray(RGB).save(secret)
    (tmp_path / "photo.tif").write_text(
        '<VRTDataset rasterXSize="90" rasterYSize="70"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(FormatRefused, match="virtual raster"):
        open_raster(tmp_path / "photo.tif")
    rasterio = load_rasterio()
    with pytest.raises(rasterio.errors.RasterioIOError):  # and GDAL itself has no such driver any more
        rasterio.open(tmp_path / "photo.tif")


def test_the_extension_must_agree(tmp_path):
    PIL.Image.fromarray(RGB).save(tmp_path / "photo.png")
    (tmp_path / "photo.png").rename(tmp_path / "photo.tif")
    with pytest.raises(FormatRefused, match="PNG by content"):
        inspect(tmp_path / "photo.tif")


@pytest.mark.parametrize(
    "text",
    [
        "/vsicurl/http://x/a.tif",
        "http://x/a.tif",
        "<VRTDataset/>",
        "a\0.tif",
        "GTIFF_DIR:1:a.tif",
        "WMS:x",
        "netcdf:a.tif",
    ],
)
def test_names_that_a_decoder_could_interpret_are_refused(text):
    with pytest.raises(FormatRefused, match="local image files only"):
        inspect(text)


@pytest.mark.parametrize("name", ["rock!.tif", "rock;2.tif", "rock\n.tif", "rock\x7f.tif", "rock\udcff.tif"])
def test_names_that_a_writer_would_take_apart_are_refused(tmp_path, name):
    """Outputs bear the name of the input; pyogrio writes what stands behind a ! to the working directory."""
    tifffile.imwrite(tmp_path / name, RGB, photometric="rgb")
    with pytest.raises(FormatRefused, match="rename the file") as caught:
        inspect(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_signs_that_do_no_harm_are_read(tmp_path):
    for name in ("a#b.tif", "50% grey.tif", "a?b.tif", "[1] 'x' \"y\" & z.tif", "Fläche €.tif", "-a.tif"):
        tifffile.imwrite(tmp_path / name, RGB, photometric="rgb")
        assert inspect(tmp_path / name).path.name == name


def test_a_tag_without_values_does_not_read_the_file(tmp_path):
    entries = ((256, 4, 1, 10), (257, 4, 1, 10), (258, 3, 0, 0), (262, 3, 1, 1))
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(*entries))
    with path.open("r+b") as stream:
        stream.truncate(64 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(FormatRefused, match="different types"):
            inspect(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_only_regular_files_are_opened(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        inspect(tmp_path / "missing.tif")
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(FormatRefused, match="folder"):
        inspect(tmp_path / "folder.tif")
    (tmp_path / "empty.tif").touch()
    with pytest.raises(ImageDamaged, match="empty"):
        inspect(tmp_path / "empty.tif")
    os.mkfifo(tmp_path / "fifo.tif")
    with pytest.raises(FormatRefused, match="not a regular file"):
        inspect(tmp_path / "fifo.tif")
    with pytest.raises(FormatRefused, match="not a regular file"):
        inspect("/dev/zero")
    PIL.Image.fromarray(RGB).save(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    assert inspect(tmp_path / "link.png").width == 90
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(InputError):
        inspect(tmp_path / "loop.png")


# Bombs: refused from the header

BOMBS = {
    "side.png": png(ihdr(200_001, 1), chunk(b"IDAT", b""), chunk(b"IEND", b"")),
    "area.png": png(ihdr(200_000, 200_000), chunk(b"IDAT", b""), chunk(b"IEND", b"")),
    "sixty.png": png(ihdr(60_000, 60_000, 1, 0), chunk(b"IDAT", b""), chunk(b"IEND", b"")),
    "memory.png": png(ihdr(19_000, 19_000), chunk(b"IDAT", b"x"), chunk(b"IEND", b"")),
    "strip.tif": tiff((256, 4, 1, 200_000), (257, 4, 1, 200_000), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1),
                      (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 200_000), (279, 4, 1, 100)),
    "tile.tif": tiff((256, 4, 1, 200_000), (257, 4, 1, 200_000), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1),
                     (277, 3, 1, 1), (322, 4, 1, 200_000), (323, 4, 1, 200_000), (324, 4, 1, 8), (325, 4, 1, 100)),
    "side.tif": tiff((256, 4, 1, 4_000_000_000), (257, 4, 1, 4_000_000_000), (262, 3, 1, 1)),
    "bands.tif": tiff((256, 4, 1, 10), (257, 4, 1, 10), (277, 3, 1, 65_535), (262, 3, 1, 1)),
    "sof.jpg": b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, 65_000, 65_000, 3) + bytes(9) + b"\xff\xd9",
    "scans.jpg": b"\xff\xd8\xff\xc2" + struct.pack(">HBHHB", 17, 8, 64, 64, 3) + bytes(9)
    + 1000 * (b"\xff\xda" + struct.pack(">H", 2) + b"\x12") + b"\xff\xd9",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_from_the_header(tmp_path, name):
    (tmp_path / name).write_bytes(BOMBS[name])
    with pytest.raises(ImageTooLarge) as caught:
        inspect(tmp_path / name, memory_limit_bytes=2 << 30)
    assert len(str(caught.value)) <= 220


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from Linux's /proc")
def test_a_bomb_costs_no_memory(tmp_path):
    (tmp_path / "strip.tif").write_bytes(BOMBS["strip.tif"])
    code = """
import sys
from graven.io.images import open_raster
from graven.errors import ImageTooLarge
def peak():  # getrusage would count the process that started this one as well
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
before = peak()
try:
    open_raster(sys.argv[1])
except ImageTooLarge:
    print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "strip.tif"], capture_output=True, check=True)
    assert int(done.stdout) < 16 * 1024  # KiB


def test_the_memory_limit_is_an_argument_and_named(tmp_path):
    PIL.Image.fromarray(RGB).save(tmp_path / "a.png")
    inspect(tmp_path / "a.png", memory_limit_bytes=1 << 20)
    with pytest.raises(ImageTooLarge, match="tiled GeoTIFF"):
        inspect(tmp_path / "a.png", memory_limit_bytes=10_000)


# Structure of TIFF


def test_a_circle_of_directories_is_refused(tmp_path):
    entries = ((254, 4, 1, 1), (256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
               (273, 4, 1, 8), (278, 4, 1, 1), (279, 4, 1, 1))  # fmt: skip
    (tmp_path / "circle.tif").write_bytes(tiff(*entries, following=8))
    with pytest.raises(ImageDamaged, match="circle"):
        inspect(tmp_path / "circle.tif")


def test_a_million_directories_are_refused(tmp_path):
    one = struct.pack("<H", 1) + struct.pack("<HHII", 254, 4, 1, 1)
    data, size = bytearray(b"II*\0" + struct.pack("<I", 8)), len(one) + 4
    for index in range(2000):
        data += one + struct.pack("<I", 8 + size * (index + 1))
    (tmp_path / "many.tif").write_bytes(bytes(data))
    with pytest.raises(DataError):
        inspect(tmp_path / "many.tif")


def test_missing_tiles_are_refused_unless_graven_declared_them(tmp_path):
    rasterio = load_rasterio()
    profile = {
        "driver": "GTiff", "height": 128, "width": 128, "count": 1, "dtype": "uint8", "tiled": True,
        "blockxsize": 64, "blockysize": 64, "compress": "deflate", "SPARSE_OK": True,
        "transform": rasterio.Affine(1, 0, 5, 0, -1, 5),
    }  # fmt: skip
    tile = np.ones((1, 64, 64), np.uint8)
    for name, tags in (("holes.tif", {}), ("declared.tif", {"GRAVEN_SPARSE": "YES"})):
        with rasterio.open(tmp_path / name, "w", **profile) as dataset:
            dataset.update_tags(**tags)
            dataset.write(tile, window=rasterio.windows.Window(0, 0, 64, 64))
    with pytest.raises(ImageDamaged, match="3 blocks of the TIFF were never written"):
        inspect(tmp_path / "holes.tif")
    expected = np.zeros((1, 128, 128), np.uint8)
    expected[:, :64, :64] = 1
    np.testing.assert_array_equal(open_raster(tmp_path / "declared.tif").read(), expected)


def test_pages_cmyk_and_complex_are_refused_with_advice(tmp_path):
    tifffile.imwrite(tmp_path / "pages.tif", np.zeros((3, 20, 30), np.uint8), photometric="minisblack")
    with pytest.raises(FormatRefused, match="several pages"):
        inspect(tmp_path / "pages.tif")
    PIL.Image.fromarray(RGB).convert("CMYK").save(tmp_path / "cmyk.jpg")
    with pytest.raises(FormatRefused, match="RGB"):
        inspect(tmp_path / "cmyk.jpg")
    PIL.Image.fromarray(RGB).convert("CMYK").save(tmp_path / "cmyk.tif")
    with pytest.raises(FormatRefused, match="CMYK"):
        inspect(tmp_path / "cmyk.tif")
    tifffile.imwrite(tmp_path / "complex.tif", np.zeros((4, 4), np.complex64))
    with pytest.raises(FormatRefused, match="complex"):
        inspect(tmp_path / "complex.tif")


def test_png_pixels_are_counted_before_decoding(tmp_path):
    """A PNG whose chunks are whole but whose pixels are too few or too many is damaged, not black."""
    rows = zlib.compress(bytes(70 * (1 + 90 * 3)))
    for name, data in (
        ("short.png", zlib.compress(bytes(35 * (1 + 90 * 3)))),
        ("long.png", zlib.compress(bytes(10**7))),
        ("cut.png", rows[:-12]),
        ("noise.png", bytes(range(200))),
    ):
        (tmp_path / name).write_bytes(png(ihdr(90, 70), chunk(b"IDAT", data), chunk(b"IEND", b"")))
        with pytest.raises(ImageDamaged):
            open_raster(tmp_path / name)
    (tmp_path / "good.png").write_bytes(png(ihdr(90, 70), chunk(b"IDAT", rows), chunk(b"IEND", b"")))
    assert not open_raster(tmp_path / "good.png").read().any()
