"""Enhanced pictures: what they leave, also when they cannot be written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from graven.api import enhance as module
from graven.api.enhance import enhance
from graven.errors import DataError, OutputError, UsageError


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A page of dark lines, turned by 5 degrees."""
    page = np.full((300, 400), 200, np.uint8)
    page[40:260:20, 40:360] = 30
    turned = cv2.warpAffine(page, cv2.getRotationMatrix2D((200, 150), 5, 1), (400, 300), borderValue=200)
    Image.fromarray(np.stack([turned] * 3, axis=-1)).save(tmp_path / "page.png")
    return tmp_path / "page.png"


def test_corners_of_a_turned_picture_are_transparent(photo: Path, tmp_path: Path) -> None:
    done = enhance(photo, method="rotation", out=tmp_path / "out")
    pixels = tifffile.imread(done.path)
    assert pixels.shape[-1] == 4
    alpha = pixels[..., 3]
    assert not alpha[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert alpha[alpha.shape[0] // 2, alpha.shape[1] // 2] == 255


@pytest.mark.parametrize("options", [{"space": "lds"}, {"strength": 15.0}])
def test_an_option_of_another_method_is_refused(photo: Path, tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="belong to dstretch"):
        enhance(photo, method="clahe", out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_output_folder(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    for out in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(UsageError, match="must name a folder"):
            enhance(photo, method="reversal", out=out)
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "mine"


def test_no_empty_folder_stays_when_writing_fails(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("the disk broke")

    monkeypatch.setattr(module, "write_image_cog", full)
    (tmp_path / "old").mkdir()
    for out in (tmp_path / "a" / "b", tmp_path / "old"):
        with pytest.raises(OutputError):
            enhance(photo, method="reversal", out=out)
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "old").is_dir()


@pytest.mark.parametrize("method", ["clahe", "dstretch"])
def test_what_becomes_of_bands_and_bits_is_said(tmp_path: Path, method: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 65536, (5, 80, 90), np.uint16)
    tifffile.imwrite(tmp_path / "many.tif", pixels, photometric="minisblack", planarconfig="separate")
    done = enhance(tmp_path / "many.tif", method=method, out=tmp_path / "out")
    assert done.note == "the first 3 of 5 bands were used; 16-bit values were divided by 257"


@pytest.mark.parametrize(("n_bands", "dtype"), [(2, np.uint8), (5, np.uint8), (3, np.float32)])
def test_what_is_no_picture_is_bad_data_and_leaves_nothing(tmp_path: Path, n_bands: int, dtype: type) -> None:
    pixels = np.ones((n_bands, 80, 90), dtype)
    tifffile.imwrite(tmp_path / "odd.tif", pixels, photometric="minisblack", planarconfig="separate")
    with pytest.raises(DataError, match="a picture has 1 or 3 of 8 or 16 bits"):
        enhance(tmp_path / "odd.tif", method="reversal", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
