"""``graven stereo`` from the command line: what a person types, and what a wrong word gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from graven.io.images import open_raster


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A tilted white plane under five lights; its normal is (0.6, 0, 0.8)."""
    lights = [(0, 0, 1), (0.6, 0, 0.8), (-0.28, 0, 0.96), (0, 0.6, 0.8), (0, -0.6, 0.8)]
    folder = tmp_path / "in"
    folder.mkdir()
    rows = []
    for number, (x, y, z) in enumerate(lights):
        level = round(60000 * (0.6 * x + 0.8 * z))
        tifffile.imwrite(folder / f"p {number}.tif", np.full((20, 30), level, np.uint16))
        rows.append(f"C:\\dome\\P {number}.TIF {x} {y} {z}")
    (folder / "mirror.lp").write_text("\r\n".join(["5", *rows, ""]), newline="")
    return folder / "mirror.lp"


def test_a_plane_and_what_is_said_of_it(graven: Callable, stack: Path, tmp_path: Path) -> None:
    done = graven("stereo", stack, "-o", "out", "--scale", "0.1mm/px", "--surface", "matt", "--json")
    assert done.code == 0
    told = done.lines()[-1]
    assert told["figures"]["solved_share"] == 1.0
    normals = open_raster(tmp_path / "out" / "mirror_normals.tif").read()
    np.testing.assert_allclose(normals, np.array([0.6, 0, 0.8])[:, None, None] * np.ones((1, 20, 30)), atol=1e-4)
    height = open_raster(tmp_path / "out" / "mirror_height.tif").read()
    assert np.abs(height).max() < 1e-4  # a plane is taken away
    again = graven("stereo", stack, "-o", "out")
    assert again.code == 1
    assert "--overwrite" in again.err
    assert graven("stereo", stack, "-o", "out", "--overwrite", "-q").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--linear", "--srgb"), 1, "give --linear or --srgb"),
        (("--method", "magic"), 1, "robust, lambert, near"),
        (("--method", "near", "--scale", "0.1mm/px"), 1, "positions of the lamps"),
        (("--object-mask", "auto"), 2, "no object stands out"),
        (("--images", "nowhere"), 1, "nowhere is no folder"),
        (("--sphere", "auto"), 1, "leave one of the two out"),
    ],
)
def test_a_wrong_word_is_one_line(
    graven: Callable, stack: Path, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = graven("stereo", stack, "-o", "out", "-q", *words)
    assert done.code == code
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not list(tmp_path.glob("out*"))


def test_a_file_that_is_none_is_bad_data(graven: Callable, stack: Path) -> None:
    stack.write_text("6\n" + stack.read_text().split("\n", 1)[1])
    done = graven("stereo", stack, "-q")
    assert done.code == 2
    assert "announces 6 lights and lists 5" in done.err
