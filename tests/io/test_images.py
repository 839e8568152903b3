"""Reading images: each rule by hand, and parity with Pillow and tifffile."""

from __future__ import annotations

import struct
import threading
import zlib

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graven.errors import DataError, FormatRefused, ImageDamaged, ScaleError
from graven.io.gdalenv import load_rasterio
from graven.io.images import open_raster, suggested_pixel_size
from graven.types import PixelSize, Window

RNG = np.random.default_rng(11)
RGB = RNG.integers(0, 256, (70, 90, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (70, 90, 3), np.uint16)
UTM = "EPSG:32632"
LOCAL_MM = (
    'ENGCRS["Panel 7 local",EDATUM["Panel 7 origin"],CS[Cartesian,2],AXIS["x",unspecified,ORDER[1]],'
    'AXIS["y",unspecified,ORDER[2]],LENGTHUNIT["millimetre",0.001]]'
)


def bands_of(pixels):
    return np.moveaxis(np.atleast_3d(pixels), -1, 0)


def write_geotiff(path, bands, *, mask=None, tags=None, **profile):
    rasterio = load_rasterio()
    profile = {"transform": rasterio.Affine(0.5, 0, 10, 0, -0.5, 20), **profile}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(
        path, "w", driver="GTiff", height=bands.shape[1], width=bands.shape[2], count=bands.shape[0],
        dtype=bands.dtype.name, **profile,
    ) as dataset:  # fmt: skip
        dataset.write(bands)
        dataset.update_tags(**(tags or {}))
        if mask is not None:
            dataset.write_mask(mask)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, rows: bytes, *, width, height, bits, color, extra: bytes = b""):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


# Depth and values


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_tiff_keeps_type_and_values(tmp_path, dtype, compression, bigtiff):
    """Written by tifffile where it has the codec without an extra package, else by GDAL."""
    pixels = (RNG.random((70, 90)) * 200 - (0 if dtype.startswith("u") else 100)).astype(dtype)
    if compression in (None, "zlib"):
        tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, bigtiff=bigtiff, rowsperstrip=16)
    else:
        write_geotiff(tmp_path / "a.tif", bands_of(pixels), compress=compression, BIGTIFF="YES" if bigtiff else "NO")
    raster = open_raster(tmp_path / "a.tif")
    assert raster.dtype == dtype
    np.testing.assert_array_equal(raster.read(), pixels[None])
    assert raster.read_valid(raster.bounds).all()


def test_16_bit_rgb_png_is_kept(tmp_path):
    """The picture is made by hand, because Pillow can write no 16-bit colour (and would read it as 8 bits)."""
    big_endian = DEEP.astype(">u2").tobytes()
    rows = b"".join(b"\0" + big_endian[r * 540 : (r + 1) * 540] for r in range(70))
    write_png(tmp_path / "deep.png", rows, width=90, height=70, bits=16, color=2)
    raster = open_raster(tmp_path / "deep.png")
    assert raster.dtype == np.uint16
    np.testing.assert_array_equal(raster.read(), bands_of(DEEP))


@pytest.mark.parametrize("color", [4, 6])
def test_16_bit_alpha_png_is_kept_and_masks(tmp_path, color):
    n_samples = {4: 2, 6: 4}[color]
    pixels = RNG.integers(1, 65536, (5, 7, n_samples), np.uint16)
    pixels[2, 3, -1] = 0
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    write_png(tmp_path / "a.png", rows, width=7, height=5, bits=16, color=color)
    raster = open_raster(tmp_path / "a.png")
    np.testing.assert_array_equal(raster.read(), bands_of(pixels[..., :-1]))
    np.testing.assert_array_equal(raster.read_valid(raster.bounds), pixels[..., -1] > 0)


def test_16_bit_grey_png_and_8_bit_rgb_are_kept(tmp_path):
    PIL.Image.fromarray(DEEP[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(open_raster(tmp_path / "grey.png").read()[0], DEEP[..., 0])
    PIL.Image.fromarray(RGB).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(open_raster(tmp_path / "rgb.png").read(), bands_of(RGB))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_is_stretched(tmp_path, bits):
    """All values of 2 bits are 0, 85, 170, 255; a row is one byte of packed samples."""
    per_byte, top = 8 // bits, (1 << bits) - 1
    values = np.arange(per_byte) % (top + 1)
    packed = sum(int(v) << (8 - bits * (i + 1)) for i, v in enumerate(values))
    write_png(tmp_path / "a.png", bytes([0, packed]), width=per_byte, height=1, bits=bits, color=0)
    np.testing.assert_array_equal(open_raster(tmp_path / "a.png").read()[0, 0], values * 255 // top)
    write_geotiff(tmp_path / "a.tif", values.astype(np.uint8)[None, None], nbits=bits)
    np.testing.assert_array_equal(open_raster(tmp_path / "a.tif").read()[0, 0], values * 255 // top)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (8, 8), (13, 21)])
@pytest.mark.parametrize("bits", [8, 16])
def test_interlaced_png_is_read_whole(tmp_path, height, width, bits):
    """Adam7 of the PNG specification, table of section 8.2: first row and column, then the steps of each pass."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    pixels = RNG.integers(0, 1 << bits, (height, width, 3)).astype(f"uint{bits}")
    rows = b""
    for row, col, row_step, col_step in passes:
        part = pixels[row::row_step, col::col_step]
        rows += b"".join(b"\0" + line.astype(f">u{bits // 8}").tobytes() for line in part if part.shape[1])
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 1))
    body = head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    np.testing.assert_array_equal(open_raster(tmp_path / "a.png").read(), bands_of(pixels))


def test_resolution_of_exif_is_a_suggestion_in_the_upright_frame(tmp_path):
    """20 and 40 dots per centimetre along stored columns and rows; orientation 6 swaps the two."""
    exif = PIL.Image.Exif()
    exif[282], exif[283], exif[296], exif[274] = 20.0, 40.0, 3, 6
    PIL.Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif)
    suggested = suggested_pixel_size(tmp_path / "a.jpg")
    assert (suggested.x_mm, suggested.y_mm) == pytest.approx((0.25, 0.5))
    assert open_raster(tmp_path / "a.jpg").pixel_size is None


def test_white_is_zero_is_inverted(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RGB[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(open_raster(tmp_path / "a.tif").read()[0], 255 - RGB[..., 0])


def test_jpeg_equals_pillow(tmp_path):
    PIL.Image.fromarray(RGB).save(tmp_path / "a.jpg", quality=80)
    expected = np.asarray(PIL.Image.open(tmp_path / "a.jpg"))
    np.testing.assert_array_equal(open_raster(tmp_path / "a.jpg").read(), bands_of(expected))
    PIL.Image.fromarray(RGB).convert("L").save(tmp_path / "grey.jpg")
    assert open_raster(tmp_path / "grey.jpg").n_bands == 1


# Unknown pixels


def test_alpha_becomes_the_valid_mask(tmp_path):
    alpha = np.full((70, 90, 1), 255, np.uint8)
    alpha[10:20, 30:40] = 0
    alpha[0, 0] = 1
    rgba = np.concatenate([RGB, alpha], axis=2)
    PIL.Image.fromarray(rgba).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    for name in ("a.png", "a.tif"):
        raster = open_raster(tmp_path / name)
        np.testing.assert_array_equal(raster.read(), bands_of(RGB))
        np.testing.assert_array_equal(raster.read_valid(raster.bounds), alpha[..., 0] > 0)


def test_nodata_counts_only_in_all_bands(tmp_path):
    pixels = np.array([[[0, 0, 9]], [[0, 5, 9]], [[0, 0, 9]]], np.uint8)
    write_geotiff(tmp_path / "a.tif", pixels, nodata=0)
    raster = open_raster(tmp_path / "a.tif")
    assert raster.read_valid(raster.bounds).tolist() == [[False, True, True]]
    np.testing.assert_array_equal(raster.read(), pixels)


def test_what_is_not_finite_is_invalid_and_stays_as_it_is(tmp_path):
    pixels = np.array([[[1, np.nan, np.inf, -9999, 2]]], np.float32)
    write_geotiff(tmp_path / "a.tif", pixels, nodata=-9999)
    raster = open_raster(tmp_path / "a.tif")
    assert raster.read_valid(raster.bounds).tolist() == [[True, False, False, False, True]]
    np.testing.assert_array_equal(raster.read(), pixels)


def test_an_internal_mask_is_honoured(tmp_path):
    mask = RNG.random((70, 90)) > 0.5
    write_geotiff(tmp_path / "a.tif", bands_of(RGB), mask=mask)
    raster = open_raster(tmp_path / "a.tif")
    np.testing.assert_array_equal(raster.read_valid(raster.bounds), mask)


def test_sidecars_are_not_looked_at(tmp_path):
    write_geotiff(tmp_path / "a.tif", bands_of(RGB))
    (tmp_path / "a.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    PIL.Image.fromarray(np.zeros((70, 90), np.uint8)).save(tmp_path / "mask.tif")
    (tmp_path / "mask.tif").rename(tmp_path / "a.tif.msk")
    raster = open_raster(tmp_path / "a.tif")
    assert raster.read_valid(raster.bounds).all()


def test_palette_gives_colours_or_numbers(tmp_path):
    index = RNG.integers(0, 3, (70, 90), np.uint8)
    colors = np.array([[0, 0, 0], [213, 94, 0], [1, 2, 3]], np.uint8)
    image = PIL.Image.fromarray(index)
    image.putpalette(colors.tobytes())
    image.save(tmp_path / "a.png", transparency=bytes([0, 255, 128]))
    image.save(tmp_path / "a.tif")
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(open_raster(tmp_path / name).read(), bands_of(colors[index]))
        numbers = open_raster(tmp_path / name, palette="index")
        np.testing.assert_array_equal(numbers.read(), index[None])
    raster = open_raster(tmp_path / "a.png")
    np.testing.assert_array_equal(raster.read_valid(raster.bounds), index > 0)


def test_a_number_outside_the_palette_is_damage(tmp_path):
    write_png(tmp_path / "a.png", b"\0\0\5", width=2, height=1, bits=8, color=3, extra=chunk(b"PLTE", bytes(6)))
    with pytest.raises(ImageDamaged, match="palette"):
        open_raster(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("bits", "color", "key", "row"), [(8, 2, (1, 2, 3), bytes([1, 2, 3, 1, 2, 4])), (2, 0, (2,), b"\x90")]
)
def test_colour_key_of_png(tmp_path, bits, color, key, row):
    """First pixel has the transparent colour, second has not (2 bits: 0b10 and 0b01)."""
    extra = chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    write_png(tmp_path / "a.png", b"\0" + row, width=2, height=1, bits=bits, color=color, extra=extra)
    raster = open_raster(tmp_path / "a.png")
    assert raster.read_valid(raster.bounds).tolist() == [[False, True]]


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_orientation_equals_exif_transpose(tmp_path, name, orientation):
    exif = PIL.Image.Exif()
    exif[274] = orientation
    if name == "a.tif":
        tifffile.imwrite(
            tmp_path / name, RGB, photometric="rgb", extratags=[(274, 3, 1, orientation, True)], rowsperstrip=9
        )
    else:
        PIL.Image.fromarray(RGB).save(tmp_path / name, exif=exif)
    with PIL.Image.open(tmp_path / name) as image:
        expected = np.asarray(PIL.ImageOps.exif_transpose(image))
    raster = open_raster(tmp_path / name)
    assert (raster.height, raster.width) == expected.shape[:2]
    np.testing.assert_array_equal(raster.read(), bands_of(expected))
    window = Window(3, 5, 40, 31)
    np.testing.assert_array_equal(raster.read(window), bands_of(expected)[:, 3:43, 5:36])


def test_turned_and_georeferenced_is_refused(tmp_path):
    exif = PIL.Image.Exif()
    exif[274] = 6
    PIL.Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.jgw").write_text("0.5\n0\n0\n-0.5\n0\n0\n")
    with pytest.raises(FormatRefused, match="orientation"):
        open_raster(tmp_path / "a.jpg")


# Windows and threads


@pytest.fixture(scope="module")
def tiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiled") / "a.tif"
    pixels = RNG.integers(0, 65536, (2, 150, 130), np.uint16)
    write_geotiff(path, pixels, tiled=True, blockxsize=32, blockysize=48, compress="deflate", nodata=3)
    return path, pixels


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_windows_equal_the_whole(tiled, data):
    path, pixels = tiled
    raster = open_raster(path, hash_source=False)
    row, col = data.draw(st.integers(0, 149)), data.draw(st.integers(0, 129))
    height, width = data.draw(st.integers(1, 150 - row)), data.draw(st.integers(1, 130 - col))
    window = Window(row, col, height, width)
    np.testing.assert_array_equal(raster.read(window), pixels[:, row : row + height, col : col + width])
    beyond = window.padded(7)
    padded = np.pad(pixels, ((0, 0), (7, 7), (7, 7)), mode="reflect")
    np.testing.assert_array_equal(raster.read(beyond), padded[:, row : row + height + 14, col : col + width + 14])


def test_many_threads_read_the_same_raster(tiled):
    path, pixels = tiled
    raster = open_raster(path)
    wrong: list[object] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(40):
                row, col = int(rng.integers(0, 100)), int(rng.integers(0, 90))
                if not np.array_equal(raster.read(Window(row, col, 50, 40)), pixels[:, row : row + 50, col : col + 40]):
                    wrong.append((row, col))
        except Exception as error:
            wrong.append(error)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_link_gives_its_own_name_and_world_file(tmp_path):
    PIL.Image.fromarray(RGB).save(tmp_path / "IMG_0001.png")
    (tmp_path / "panel.png").symlink_to(tmp_path / "IMG_0001.png")
    (tmp_path / "panel.pgw").write_text("1\n0\n0\n-1\n0.5\n-0.5\n")
    raster = open_raster(tmp_path / "panel.png")
    assert raster.name == "panel"
    assert raster.georeference.affine == (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


@pytest.mark.slow
def test_a_photograph_between_the_limits_of_pillow_and_ours_opens(tmp_path):
    """190 Mpx: Pillow would refuse it unless its process-wide limit were changed; ours is 400 Mpx."""
    PIL.Image.fromarray(np.full((10_000, 19_000), 77, np.uint8)).save(tmp_path / "a.png", compress_level=1)
    before = PIL.Image.MAX_IMAGE_PIXELS
    raster = open_raster(tmp_path / "a.png")
    assert (raster.read(Window(9_990, 18_990, 10, 10)) == 77).all()
    assert before == PIL.Image.MAX_IMAGE_PIXELS


def test_damaged_pixels_of_a_tile_are_found_when_read(tmp_path):
    path = tmp_path / "a.tif"
    write_geotiff(path, bands_of(RGB), tiled=True, blockxsize=32, blockysize=32, compress="deflate")
    with tifffile.TiffFile(path) as opened:
        offset = opened.pages[0].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[offset : offset + 40] = bytes(40)
    path.write_bytes(bytes(data))
    raster = open_raster(path)
    with pytest.raises(ImageDamaged, match="cannot be decoded") as caught:
        raster.read()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_of_full_length_with_a_lost_sector_is_damaged(tmp_path, progressive):
    """Pillow fills what it cannot decode with grey and says nothing."""
    path = tmp_path / "a.jpg"
    grain = np.random.default_rng(5).normal(0, 12, (300, 300, 3)) + np.linspace(60, 180, 300)[:, None]
    PIL.Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).save(path, progressive=progressive)
    assert open_raster(path).shape == (3, 300, 300)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = bytes(4096)
    path.write_bytes(bytes(data))
    with PIL.Image.open(path) as image:
        image.load()
    with pytest.raises(ImageDamaged, match=r"^a\.jpg: parts of the JPEG are damaged \(.+\); get the file again"):
        open_raster(path)


def test_a_damaged_jpeg_block_of_a_tiff_is_found_when_read(tmp_path):
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(5).integers(0, 256, (3, 64, 128), np.uint8)
    layout = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "jpeg", "photometric": "YCBCR"}
    write_geotiff(path, pixels, **layout)
    with tifffile.TiffFile(path) as opened:
        start, length = opened.pages[0].dataoffsets[1], opened.pages[0].databytecounts[1]
    data = bytearray(path.read_bytes())
    data[start + length // 2 : start + length - 2] = bytes(length - length // 2 - 2)
    path.write_bytes(bytes(data))
    raster = open_raster(path)
    assert raster.read(Window(0, 0, 64, 64)).shape == (3, 64, 64)
    with pytest.raises(ImageDamaged, match="JPEG blocks of the TIFF are damaged"):
        raster.read(Window(0, 64, 64, 64))


# Place and scale


def test_projected_crs_affine_and_size_come_through(tmp_path):
    rasterio = load_rasterio()
    affine = rasterio.Affine(0.0005, 0, 600_000.25, 0, -0.0005, 5_100_000.75)
    write_geotiff(tmp_path / "a.tif", bands_of(RGB), crs=UTM, transform=affine)
    raster = open_raster(tmp_path / "a.tif")
    assert raster.georeference is not None
    assert raster.georeference.affine == tuple(affine[:6])
    assert (raster.georeference.frame, raster.georeference.unit_mm) == ("projected", 1000.0)
    assert raster.georeference.crs_wkt.startswith("PROJCRS")
    assert raster.pixel_size == PixelSize(0.5, 0.5, "geotransform")


@pytest.mark.parametrize(
    ("crs", "frame", "unit_mm"),
    [
        ("EPSG:4326", "geographic", None),
        ("EPSG:4978", "geographic", None),
        ("EPSG:2263", "projected", 304.8006096012192),
        ("EPSG:25832+5783", "projected", 1000.0),
        (LOCAL_MM, "local", 1.0),
        (LOCAL_MM.replace('"millimetre",0.001', '"metre",1'), "local", 1000.0),
        ('LOCAL_CS["Panel",UNIT["metre",1]]', "local", 1000.0),
    ],
)
def test_frames_are_told_apart(tmp_path, crs, frame, unit_mm):
    write_geotiff(tmp_path / "a.tif", bands_of(RGB), crs=load_rasterio().crs.CRS.from_user_input(crs))
    raster = open_raster(tmp_path / "a.tif")
    assert raster.georeference is not None
    assert raster.georeference.frame == frame
    assert raster.georeference.unit_mm == (None if unit_mm is None else pytest.approx(unit_mm, rel=1e-12))
    if unit_mm is None:
        assert raster.pixel_size is None
    else:
        assert raster.pixel_size.x_mm == pytest.approx(0.5 * unit_mm, rel=1e-12)


def test_a_plain_image_has_neither_place_nor_scale_whatever_its_dpi(tmp_path):
    for name in ("a.png", "a.jpg", "a.tif"):
        PIL.Image.fromarray(RGB).save(tmp_path / name, dpi=(254, 127))
        raster = open_raster(tmp_path / name)
        assert raster.georeference is None
        assert raster.pixel_size is None
        suggested = suggested_pixel_size(tmp_path / name)
        assert suggested.source == "exif"
        assert (suggested.x_mm, suggested.y_mm) == pytest.approx((0.1, 0.2), rel=1e-3)
    PIL.Image.fromarray(RGB).save(tmp_path / "b.png")
    assert suggested_pixel_size(tmp_path / "b.png") is None


@pytest.mark.parametrize(
    ("image", "world"), [("a.jpg", "a.jgw"), ("a.png", "a.pgw"), ("a.tif", "a.tfw"), ("a.jpg", "a.wld")]
)
def test_world_files_speak_of_the_centre_of_the_first_pixel(tmp_path, image, world):
    """ESRI: lines A D B E C F, where C, F is the centre of the upper left pixel; its corner is half a pixel off."""
    PIL.Image.fromarray(RGB).save(tmp_path / image)
    (tmp_path / world).write_text("0.5\n0.0\n0.0\n-0.25\n100.25\n199.875\n")
    raster = open_raster(tmp_path / image)
    assert raster.georeference.affine == (0.5, 0.0, 100.0, 0.0, -0.25, 200.0)
    assert (raster.georeference.frame, raster.georeference.unit_mm) == ("local", None)
    assert raster.pixel_size is None


@pytest.mark.parametrize("text", ["", "1 2 3", "a b c d e f", "0 0 0 0 0 0", "nan 0 0 1 0 0"])
def test_a_broken_world_file_is_named(tmp_path, text):
    PIL.Image.fromarray(RGB).save(tmp_path / "a.jpg")
    (tmp_path / "a.jgw").write_text(text)
    with pytest.raises(DataError, match=r"a\.jgw"):
        open_raster(tmp_path / "a.jpg")


def test_a_stated_scale_wins_but_may_not_contradict_the_geotransform(tmp_path):
    write_geotiff(tmp_path / "a.tif", bands_of(RGB), crs=LOCAL_MM)
    stated = PixelSize(0.51, 0.51, "user")
    assert open_raster(tmp_path / "a.tif", pixel_size=stated).pixel_size == stated
    with pytest.raises(ScaleError, match=r"0\.5 mm/px"):
        open_raster(tmp_path / "a.tif", pixel_size=PixelSize(0.05, 0.05, "user"))
    PIL.Image.fromarray(RGB).save(tmp_path / "b.png")
    assert open_raster(tmp_path / "b.png", pixel_size=stated).pixel_size == stated


def test_the_tag_of_graven_may_not_contradict_the_geotransform(tmp_path):
    def write(name, tagged):
        write_geotiff(tmp_path / name, bands_of(RGB), crs=LOCAL_MM)
        with load_rasterio().open(tmp_path / name, "r+") as dataset:
            tags = {
                "GRAVEN_PIXEL_SIZE_MM": tagged,
                "GRAVEN_PIXEL_SIZE_SOURCE": "user",
                "GRAVEN_PIXEL_SIZE_SIGMA": "0.01",
            }
            dataset.update_tags(**tags)
        return tmp_path / name

    assert open_raster(write("near.tif", "0.51 0.51")).pixel_size == PixelSize(0.51, 0.51, "user", 0.01)
    far = write("far.tif", "0.25 0.25")
    with pytest.raises(ScaleError, match=r"tag says 0\.25 mm/px, its geotransform 0\.5"):
        open_raster(far)
    assert open_raster(far, pixel_size=PixelSize(0.5, 0.5, "user")).pixel_size == PixelSize(0.5, 0.5, "user")


def test_real_images_of_every_kind_open(data_dir):
    """Every picture among the real data opens and equals Pillow's in size, or is refused with a reason."""
    paths = [p for p in sorted(data_dir.rglob("*")) if p.suffix.lower() in (".jpg", ".png", ".tif", ".tiff")][:25]
    assert paths, "the folder of real data holds no picture"
    for path in paths:
        raster = open_raster(path, hash_source=False)
        with PIL.Image.open(path) as image:
            shown = PIL.ImageOps.exif_transpose(image)
            assert (raster.width, raster.height) == shown.size
        assert raster.read(Window(0, 0, 8, 8)).shape == (raster.n_bands, 8, 8)
