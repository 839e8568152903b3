"""Bad input: one clear line, the documented exit code, nothing left behind."""

from __future__ import annotations

import errno
import io
import os
import pickle  # noqa: TID251 - the hostile file is made with what is banned
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graven.io import seam


def _bomb() -> bytes:
    """A TIFF header that claims 200,000 x 200,000 pixels in 152 bytes."""
    tags = [
        (256, 4, 1, 200_000),
        (257, 4, 1, 200_000),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, 200_000),
        (279, 4, 1, 100),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


def _truncated_jpeg() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(buffer, format="JPEG")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


VRT = b'<VRTDataset rasterXSize="2" rasterYSize="2"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>'

BAD_IMAGES = {
    "cut.jpg": (_truncated_jpeg(), 2),
    "bomb.tif": (_bomb(), 2),
    "vrt.tif": (VRT, 2),
    "empty.tif": (b"", 2),
    "text.png": (b"no picture at all", 2),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images(graven: Callable, model: Path, tmp_path: Path, name: str) -> None:
    content, code = BAD_IMAGES[name]
    (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    result = graven("segment", name, "-m", model, "-o", "out")
    assert result.code == code
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    assert name in result.err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_image_that_is_not_there(graven: Callable, model: Path) -> None:
    result = graven("segment", "nowhere.tif", "-m", model)
    assert result.code in (1, 2)
    assert "nowhere.tif" in result.err
    assert result.err.count("\n") == 1


def test_an_interruption_outside_of_prediction_is_said_in_one_line(
    graven: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("graven.api.synth.make_petroglyph", interrupt)
    result = graven("synth", "petroglyph", "--size", "64", "-o", "out")
    assert result.code == 130
    assert [line for line in result.err.splitlines() if "interrupted" in line] == [result.err.splitlines()[-1]]
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stops_listening_does_not_stop_the_work(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from graven.cli.main import run; run()"]
    command += ["synth", "petroglyph", "--size", "64", "-o", "out", "--json"]
    done = subprocess.run(command, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out" / "run.json").is_file()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_name_that_the_output_cannot_show_does_not_end_the_work(tmp_path: Path, options: list[str]) -> None:
    pixels = np.zeros((20, 30), np.uint8)
    pixels[5:15, 5:20] = 255
    Image.fromarray(pixels).save(tmp_path / "漢.png")
    done = subprocess.run(
        [sys.executable, "-c", "from graven.cli.main import run; run()", "measure", "漢.png", "-o", "漢", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u6f22" in done.stdout


def test_masks_of_different_size(graven: Callable, tmp_path: Path) -> None:
    for name, size in (("a.png", (10, 12)), ("b.png", (10, 13))):
        Image.fromarray(np.zeros(size, np.uint8)).save(tmp_path / name)
    result = graven("evaluate", "a.png", "b.png")
    assert result.code == 2
    assert "10 x 12" in result.err
    assert "10 x 13" in result.err


def test_a_checkpoint_that_is_a_pickle(graven: Callable, panel: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "model.pt").write_bytes(pickle.dumps(_Canary(canary)))
    result = graven("segment", panel, "-m", "model.pt", "-o", "out")
    assert result.code == 2
    assert "can run code" in result.err
    assert not canary.exists()
    assert not (tmp_path / "out").exists()


class _Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("command", ["prepare", "evaluate"])
def test_an_empty_folder(graven: Callable, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    args = ["prepare", "empty"] if command == "prepare" else ["evaluate", "empty", "empty"]
    result = graven(*args)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "empty" in result.err


@pytest.mark.parametrize("nth", [1, 3, 6])
def test_a_full_disk(
    graven: Callable, panel: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    real, calls = seam.OPERATIONS, 0

    class Full(type(real)):  # type: ignore[misc] # the class is chosen at run time
        def fsync(self, path: Path) -> None:
            nonlocal calls
            calls += 1
            if calls >= nth:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            real.fsync(path)

    monkeypatch.setattr(seam, "OPERATIONS", Full())
    result = graven("segment", panel, "-m", model, "-o", "out")
    assert result.code == 4, result.err
    assert result.err.splitlines()[-1].count("graven:") == 1
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()


def test_wrong_use(graven: Callable, panel: Path, model: Path) -> None:
    for args in (
        ["segment"],
        ["segment", panel, "--tile", "many"],
        ["segment", panel, "--only", "poem"],
        ["segment", panel, "-m", model, "--scale", "0.1mm/px", "--length", "0,0:1,1=3mm"],
        ["segment", panel, "-m", "no-such-model"],
        ["segment", panel, "-m", model, "--threshold", "1.5"],
        ["segment", panel, "-m", model, "--min-object", "inf"],
        ["segment", panel, "-m", model, "--resume", "-o", "nothing-there"],
        ["synth", "poem"],
        ["enhance", panel, "--with", "magic"],
        ["export", ".", "--to", "pdf"],
        ["nonsense"],
    ):
        result = graven(*args)
        assert result.code == 1, (args, result.err)
        assert result.err.count("\n") == 1, (args, result.err)


@pytest.mark.parametrize(("args", "verb"), [([], "segment"), (["models"], "verify")])
def test_without_a_verb_the_help_is_shown_as_it_is(graven: Callable, args: list[str], verb: str) -> None:
    result = graven(*args)
    assert result.code == 1
    assert any(line.split()[:1] == [verb] for line in result.err.splitlines()), result.err


def test_a_scale_that_is_none_is_wrong_use(graven: Callable, panel: Path, model: Path) -> None:
    for option in (["--scale", "0mm/px"], ["--scale", "0px/mm"], ["--length", "1,1:1,1=5mm"]):
        result = graven("segment", panel, "-m", model, *option)
        assert (result.code, result.err.count("\n")) == (1, 1), result.err


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 2), (errno.EIO, 4)])
def test_a_file_that_the_machine_does_not_give_is_no_defect(
    graven: Callable, panel: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    real = Path.open

    def refusing(path: Path, *args: Any, **options: Any) -> Any:
        if path.suffix == ".tfw":
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *args, **options)

    panel.with_suffix(".tfw").write_text("1\n0\n0\n-1\n0\n0\n", encoding="ascii")
    monkeypatch.setattr(Path, "open", refusing)
    result = graven("info", panel)
    assert result.code == code
    assert "panel.tfw" in result.err
    assert result.err.count("\n") == 1


def test_a_defect_is_ours_and_says_so(graven: Callable, panel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import graven.api.images as module

    def broken(path: object) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr(module, "info", broken)
    result = graven("info", panel)
    assert result.code == 70
    assert "please report" in result.err
    assert "the sky fell" in result.err
    assert "Traceback" not in result.err
