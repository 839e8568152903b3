"""graven and its peers give the same raster for the same tiles, network and weights; differences are counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.adapter import Job, Models, whole_image
from benchmarks.contenders import CONTENDERS, left_out
from benchmarks.footprint import footprint
from benchmarks.geotiff import TiledWriter, read_whole
from benchmarks.whole import compare, rounds

from benchmarks import peers
from graven.io.geotiff import write_image_cog
from graven.synthetic import make_petroglyph
from graven.types import PixelSize, Window

TILE_PX, OVERLAP_PX = 128, 32
FITTING, ODD = 128 + 96 * 3, 500


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


@pytest.fixture(scope="module")
def grown() -> np.ndarray:
    return make_petroglyph(3, size_px=512, pixel_size_mm=0.5).image


def job_of(folder: Path, models: Models, image: np.ndarray, *, tile_px: int = TILE_PX) -> Job:
    """Write an image where a job finds it."""
    _, height, width = image.shape
    source = folder / "image.tif"
    write_image_cog(
        source,
        [(Window(0, 0, height, width), image)],
        height=height,
        width=width,
        n_bands=3,
        dtype=np.dtype(np.uint8),
        pixel_size=PixelSize(0.5, 0.5, "user"),
    )
    return Job(source, folder, models, tile_px=tile_px, overlap_px=tile_px // 4)


def predicted(job: Job, key: str = "graven", **options: bool) -> np.ndarray:
    """Let graven predict, and read what it wrote."""
    whole_image(job, key, **options)()
    found = read_whole(job.folder / f"{key}.tif")[0]
    assert np.ptp(found) > 200, "the test needs a picture in which the network sees something"
    return found


def largest_step(found: np.ndarray, expected: np.ndarray) -> int:
    return int(np.abs(found.astype(int) - expected).max())


def test_graven_equals_a_naive_accumulator_with_tiles_that_reach_beyond_the_border(
    tmp_path: Path, models: Models, grown: np.ndarray
) -> None:
    job = job_of(tmp_path, models, grown[:, :ODD, : ODD - 37])
    found = predicted(job)
    out = tmp_path / "naive.tif"
    n_tiles = peers.naive(job.source, out, models.predictor, tile_px=TILE_PX, overlap_px=OVERLAP_PX)
    assert n_tiles == 5 * 5
    assert largest_step(found, read_whole(out)[0]) <= 1


@pytest.mark.slow  # importing MONAI alone takes seconds
@pytest.mark.filterwarnings("ignore")  # of MONAI and what it imports
def test_graven_equals_monai_with_the_same_weights_where_tiles_fit(
    tmp_path: Path, models: Models, grown: np.ndarray
) -> None:
    pytest.importorskip("monai")
    job = job_of(tmp_path, models, grown[:, :FITTING, :FITTING])
    found = predicted(job)
    size = {"tile_px": TILE_PX, "overlap_px": OVERLAP_PX}
    n_tiles = peers.monai(job.source, tmp_path / "linear.tif", models.predictor, mode="linear", **size)
    peers.monai(job.source, tmp_path / "constant.tif", models.predictor, mode="constant", **size)
    assert n_tiles == 4 * 4
    assert largest_step(found, read_whole(tmp_path / "linear.tif")[0]) <= 1
    # With weights of its own MONAI answers otherwise where tiles overlap, and the same where a tile is alone.
    constant = read_whole(tmp_path / "constant.tif")[0]
    assert largest_step(found, constant) > 1
    alone = np.s_[: TILE_PX - OVERLAP_PX, : TILE_PX - OVERLAP_PX]
    assert largest_step(found[alone], constant[alone]) <= 1


@pytest.mark.filterwarnings("ignore")  # of tiler
def test_graven_equals_tiler_with_the_same_weights(tmp_path: Path, models: Models, grown: np.ndarray) -> None:
    pytest.importorskip("tiler")
    job = job_of(tmp_path, models, grown[:, :FITTING, :FITTING])
    found = predicted(job)
    out = tmp_path / "tiler.tif"
    assert peers.tiler(job.source, out, models.predictor, tile_px=TILE_PX, overlap_px=OVERLAP_PX) == 4 * 4
    assert largest_step(found, read_whole(out)[0]) <= 1


def test_a_gate_takes_tiles_away_and_changes_no_other(tmp_path: Path, models: Models, grown: np.ndarray) -> None:
    job = job_of(tmp_path, models, grown, tile_px=512)
    every = predicted(job, "graven-prepared", is_prepared=True)
    gated = predicted(job, "graven-gated", is_prepared=True, is_gated=True)
    assert np.array_equal(gated, every)  # one tile, which holds figures


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is sampled from /proc")
def test_a_process_of_its_own_gives_the_same_raster_and_tells_its_memory(
    tmp_path: Path, models: Models, grown: np.ndarray
) -> None:
    job = job_of(tmp_path, models, np.tile(grown, (1, 2, 2)), tile_px=512)
    expected = predicted(job)
    (tmp_path / "graven.tif").unlink()
    ready, peak = footprint("graven", job.source, tmp_path)
    assert 20e6 < ready <= peak < 8e9
    assert np.array_equal(read_whole(tmp_path / "graven.tif")[0], expected)


def test_differences_are_counted(tmp_path: Path) -> None:
    ours, theirs = np.zeros((700, 10), np.uint8), np.zeros((700, 10), np.uint8)
    ours[600, :7] = 3  # 7 pixels of 7000: just the 0.1 % that p99.9 leaves out
    theirs[699, 9] = 200
    for name, pixels in (("a.tif", ours), ("b.tif", theirs)):
        with TiledWriter(tmp_path / name, 700, 10) as writer:
            for start in range(0, 700, 90):  # neither a divisor of the height nor of a block
                writer.add(pixels[start : start + 90])
    found = compare(tmp_path / "a.tif", tmp_path / "b.tif", step=100)
    assert found["max_steps"] == 200
    assert found["p999_steps"] == 3
    assert found["mean_steps"] == pytest.approx((7 * 3 + 200) / 7000)
    assert found["flipped"] == pytest.approx(1 / 7000)


def test_who_would_need_too_much_is_left_out_with_the_reason() -> None:
    assert left_out(CONTENDERS["graven"], 10**6, 10**6) == ""
    assert left_out(CONTENDERS["naive"], 16_384, 16_384) == ""
    assert left_out(CONTENDERS["naive"], 32_768, 32_768) == "would need about 14 GiB"


def test_rounds_become_fewer_for_what_takes_long() -> None:
    assert [rounds(seconds, 5) for seconds in (1, 59, 61, 599, 601)] == [5, 5, 3, 3, 1]
    assert rounds(100, 2) == 2


def test_every_result_lies_under_its_own_name(tmp_path: Path, models: Models, grown: np.ndarray) -> None:
    """A contender that wrote under the name of another would be compared with itself."""
    job = job_of(tmp_path, models, grown[:, :FITTING, :FITTING])
    for key in ("graven", "graven-prepared", "naive"):
        out = tmp_path / f"{key}.tif"
        assert not out.exists()
        CONTENDERS[key].start(job)()
        assert out.exists()
