from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from graven.errors import InputError
from graven.report.figures import box_plots, curves, picture_grid
from graven.types import Window


def _decoded(png: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture[..., ::-1].astype(int)


def _near(picture: np.ndarray, color: tuple[int, int, int], tolerance: int = 12) -> np.ndarray:
    return (np.abs(picture - color) <= tolerance).all(axis=2)


def test_grid_shows_each_picture_and_the_enlarged_part() -> None:
    red, blue = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60, 3), np.uint8)
    red[..., 0], blue[..., 2] = 220, 220
    red[10:20, 30:45] = (0, 200, 0)
    zoom = Window(10, 30, 10, 15)
    png = picture_grid(
        [[red, blue]], column_titles=["a", "b"], row_titles=["r"], zooms=[zoom], cell_px=150, n_colors=None
    )
    picture = _decoded(png)
    # Green fills 10 x 15 of 40 x 60 pixels of a cell of 100 x 150, and a whole cell below.
    green, n_blue = _near(picture, (0, 200, 0)), _near(picture, (0, 0, 220)).sum()
    rows = np.flatnonzero(green.sum(axis=1) > 100)
    assert 97 <= len(rows) <= 101
    assert rows[0] > np.flatnonzero(_near(picture, (220, 0, 0)).any(axis=1)).max()
    assert abs(n_blue - 2 * 150 * 100) < 0.08 * 2 * 150 * 100
    assert _near(picture, (213, 94, 0), 40).any()


def test_grid_is_small_and_the_same_each_time() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    rows = [[noise, noise[..., 0], noise]] * 2
    one = picture_grid(rows, column_titles=["a", "b", "c"])
    assert one == picture_grid(rows, column_titles=["a", "b", "c"])
    assert len(one) < 600_000


def test_grid_refuses_what_does_not_fit() -> None:
    cell = np.zeros((10, 10), np.uint8)
    with pytest.raises(InputError, match="2 pictures"):
        picture_grid([[cell]], column_titles=["a", "b"])
    with pytest.raises(InputError, match="as many as"):
        picture_grid([[cell]], column_titles=["a"], row_titles=["r", "s"])
    with pytest.raises(InputError, match="outside"):
        picture_grid([[cell]], column_titles=["a"], zooms=[Window(5, 5, 6, 2)])


def test_box_stands_where_the_scores_are() -> None:
    # Both axes run from 0 to 1; the box of "low" lies around 0.2, that of "high" around 0.8.
    groups = {"low": [0.15, 0.2, 0.25, 0.3, 0.1], "high": [0.75, 0.8, 0.85, 0.9, 0.7]}
    png = box_plots(groups, ylabel="MIoU", title="t", published={"low": 0.5}, limits=(0.0, 1.0))
    picture = _decoded(png)
    # Class colours at 75 % on white.
    orange, sky = ([round(255 - 0.75 * (255 - c)) for c in rgb] for rgb in ((230, 159, 0), (86, 180, 233)))
    low, high = (np.flatnonzero(_near(picture, tuple(color), 4).sum(axis=1) > 20) for color in (orange, sky))
    # The box holds the middle half, 0.1 high; its centre is 0.6 of the axis above the other.
    axis_px = (low.mean() - high.mean()) / 0.6
    assert abs(np.ptp(low) / axis_px - 0.1) < 0.02
    assert abs(np.ptp(high) / axis_px - 0.1) < 0.02


def test_plots_are_deterministic_and_refuse_nonsense() -> None:
    series = {f"s{i}": (range(5), [1.0, 0.5, float("nan"), 0.2, 0.1]) for i in range(9)}
    assert curves(series, xlabel="x", ylabel="y", log_y=True) == curves(series, xlabel="x", ylabel="y", log_y=True)
    with pytest.raises(InputError, match="as many x as y"):
        curves({"a": ([1, 2], [1])}, xlabel="x", ylabel="y")
    with pytest.raises(InputError, match="at least one series"):
        curves({}, xlabel="x", ylabel="y")
    with pytest.raises(InputError, match="at least one group"):
        box_plots({}, ylabel="y")
    with pytest.raises(InputError, match="finite scores"):
        box_plots({"a": [float("nan")]}, ylabel="y")


def test_figures_leave_no_global_state() -> None:
    code = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy()\n"
        "from graven.report.figures import curves\n"
        "curves({'a': ([0, 1], [0, 1])}, xlabel='x', ylabel='y')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert matplotlib.rcParams.copy() == before\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_pages_load_neither_matplotlib_nor_torch_nor_gdal() -> None:
    code = (
        "import sys, graven.report\n"
        "heavy = {'matplotlib', 'torch', 'rasterio', 'shapely', 'geopandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
