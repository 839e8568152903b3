"""Files of lights as other programs write them, and as they must not be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graven.errors import DataError, InputError, MismatchError
from graven.io.domefile import read_dome, write_dome
from graven.io.lightfiles import read_lights, read_lights_csv, read_lp, write_lights_csv, write_lp
from graven.io.lightimages import list_images, match_images
from graven.types import Lights

PLAIN = "3\na.tif 0.6 0 0.8\nb.tif 0 0.6 0.8\nc.tif 0 0 1\n"


def _file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_plain_lp(tmp_path: Path) -> None:
    lights = read_lights(_file(tmp_path, "m.LP", PLAIN))
    assert lights.names == ("a.tif", "b.tif", "c.tif")
    np.testing.assert_allclose(lights.directions, [[0.6, 0, 0.8], [0, 0.6, 0.8], [0, 0, 1]])


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r\n").encode("utf-8-sig"),
        PLAIN + "\n\n  \n",
        PLAIN.replace(" ", "\t\t"),
        PLAIN.replace("a.tif", r"C:\RTI data\dome 1\a.tif").replace("b.tif", "../images/b.tif"),
        PLAIN.replace("0.6", "6e2").replace("0.8", "800").replace("0 0 1", "0 0 0.001"),
    ],
)
def test_lp_files_that_differ_in_form_only_are_the_same(tmp_path: Path, content: str | bytes) -> None:
    lights = read_lp(_file(tmp_path, "m.lp", content))
    assert lights.names == ("a.tif", "b.tif", "c.tif")
    np.testing.assert_allclose(lights.directions, [[0.6, 0, 0.8], [0, 0.6, 0.8], [0, 0, 1]], atol=1e-12)


def test_names_may_hold_spaces_numbers_and_letters_of_old_code_pages(tmp_path: Path) -> None:
    rows = ["3", "my mirror 1 0 .jpg 0 0 1", "Löwe 0.5.jpg 0.6 0 0.8", "x 1 2 3 0 .6 .8"]
    lights = read_lp(_file(tmp_path, "m.lp", "\n".join(rows).encode("cp1252")))
    assert lights.names == ("my mirror 1 0 .jpg", "Löwe 0.5.jpg", "x 1 2 3")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "number of lights, got ''"),
        ("a.tif 0 0 1\n", "number of lights, got 'a.tif 0 0 1'"),
        ("-3\n", "number of lights"),
        (PLAIN.replace("3\n", "4\n", 1), "announces 4 lights and lists 3"),
        ("0\n", "lists no light"),
        (PLAIN.replace("b.tif 0 0.6 0.8", "b.tif 0 0.6"), "light 2 must read 'name x y z'"),
        (PLAIN.replace("0 0.6 0.8", "0 0,6 0.8"), "light 2 needs a number, got '0,6'; write decimals with a point"),
        (PLAIN.replace("0 0.6 0.8", "0 nan 0.8"), "light 2 needs a number, got 'nan'"),
        (PLAIN.replace("0 0 1", "0 0 0"), "'c.tif' has no direction"),
        (PLAIN.replace("0 0 1", "0 0 0.00005"), "'c.tif' has no direction"),
        (PLAIN.replace("0 0 1", "0 1 0"), r"'c.tif' has z = 0, as have 1 of 3; are the axes swapped"),
        ("1\na 0 0 -1", "z seems to point away from the camera"),
        (PLAIN.replace("c.tif", "sub/A.TIF"), "names 'A.TIF' twice"),
        (b"3\n\x00\x01", "is no text"),
    ],
)
def test_an_lp_that_would_bend_a_surface_is_refused_in_one_line(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read_lp(_file(tmp_path, "m.lp", content))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_foreign_ending_are_wrong_use(tmp_path: Path) -> None:
    for name in ("m.lp", "m.csv", "m.dome"):
        with pytest.raises(InputError, match=r"m\.(lp|csv|dome)"):
            read_lights(tmp_path / name)
    with pytest.raises(InputError, match=r"\.lp, \.dome, \.csv"):
        read_lights(tmp_path / "m.txt")


vectors = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.01, 1)), min_size=1, max_size=9).map(
    np.array
)


@settings(max_examples=40, deadline=None)
@given(vectors, st.booleans())
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, near: bool) -> None:
    folder = tmp_path_factory.mktemp("lights")
    names = tuple(f"light {k} 0.5.tif" for k in range(len(array)))
    strengths = np.linspace(1, 2, len(array))
    unit = array / np.linalg.norm(array, axis=1, keepdims=True)
    lights = (
        Lights(names, positions_mm=array * 300, strengths=strengths)
        if near
        else Lights(names, directions=unit, strengths=strengths)
    )
    write_lights_csv(folder / "l.csv", lights)
    write_dome(folder / "l.dome", lights)
    write_lp(folder / "l.lp", lights)
    for found in (read_lights_csv(folder / "l.csv"), read_dome(folder / "l.dome")):
        kind = "positions_mm" if near else "directions"
        np.testing.assert_allclose(getattr(found, kind), getattr(lights, kind), rtol=6e-9, atol=1e-9)
        np.testing.assert_allclose(found.strengths / found.strengths[0], strengths / strengths[0], rtol=1e-8)
    again = read_lp(folder / "l.lp")
    assert again.names == read_lights_csv(folder / "l.csv").names == names
    np.testing.assert_allclose(again.directions, unit, atol=1e-15)


@pytest.mark.parametrize(
    "content",
    [
        "lx,ly,lz\n0.6,0,0.8\n0,0,2\n",
        "dx;dy;dz\n0,6;0;0,8\n0;0;1\n",
        "X\tY\tZ\r\n0.6\t0\t0.8\r\n0\t0\t1\r\n",
        "x_mm,y_mm,z_mm,dx,dy,dz\n,,,0.6,0,0.8\n,,,0,0,1\n",
    ],
)
def test_tables_of_directions_as_spreadsheets_write_them(tmp_path: Path, content: str) -> None:
    lights = read_lights_csv(_file(tmp_path, "l.csv", content))
    assert lights.names == ()
    np.testing.assert_allclose(lights.directions, [[0.6, 0, 0.8], [0, 0, 1]])


def test_a_table_with_positions_gives_positions(tmp_path: Path) -> None:
    lights = read_lights_csv(_file(tmp_path, "l.csv", "image,x_mm,y_mm,z_mm,intensity\na.png,1,2,300,0.5\n"))
    assert lights.names == ("a.png",)
    np.testing.assert_array_equal(lights.positions_mm, [[1, 2, 300]])
    assert lights.strengths.tolist() == [0.5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "must be a table"),
        ("lx,ly,lz\n", "data below"),
        ("lx,lx,lz\n1,2,3\n", "each once"),
        ("a,b\n1,2\n", "must have the columns"),
        ("lx,ly,lz\n0,0\n", "lz of light 1 needs a number, got ''"),
        ("lx,ly,lz,intensity\n0,0,1,0\n", "intensity of every light must be positive"),
        ("file,lx,ly,lz\na,0,0,1\n,0,0,1\n", "for some lights only"),
        ("x_mm,y_mm,z_mm\n1,2,300\n,,4\n1,2,300", "x_mm of light 2 needs a number"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises((DataError, MismatchError), match=words):
        read_lights_csv(_file(tmp_path, "l.csv", content))


def test_a_dome_as_relight_writes_it(tmp_path: Path) -> None:
    axes = [{"x": 0.6, "y": 0, "z": 0.8}, {"x": 0, "y": 0, "z": 1}]
    dome = {"domeDiameter": 400, "verticalOffset": 50, "directions": axes, "positions3d": [], "ledAdjust": []}
    far = read_dome(_file(tmp_path, "a.dome", json.dumps(dome | {"lightConfiguration": "directional"})))
    np.testing.assert_allclose(far.directions, [[0.6, 0, 0.8], [0, 0, 1]])
    # on the sphere: radius 200 along the direction, and 50 up
    near = read_dome(_file(tmp_path, "b.dome", json.dumps(dome | {"lightConfiguration": "spherical"})))
    np.testing.assert_allclose(near.positions_mm, [[120, 0, 210], [0, 0, 250]])


def test_a_dome_as_its_documentation_says(tmp_path: Path) -> None:
    calibration = [{"whiteBalance": {"r": 1, "g": 1, "b": 1}, "intensity": 2.0}, {"intensity": 1.0}]
    dome = {"diameter": 400, "positions": [[1, 2, 300], [3, 4, 300]], "lightsCalibration": calibration}
    lights = read_dome(_file(tmp_path, "a.dome", json.dumps(dome)))
    np.testing.assert_allclose(lights.positions_mm, [[1, 2, 300], [3, 4, 300]])
    np.testing.assert_allclose(lights.strengths, [0.5, 1.0])  # what must be doubled shone half as bright


@pytest.mark.parametrize(
    ("dome", "words"),
    [
        ([], "one JSON object"),
        ({}, "lists no directions"),
        ({"lightConfiguration": "lights3d", "directions": [[0, 0, 1]]}, "lists no positions"),
        ({"lightConfiguration": "moon", "directions": [[0, 0, 1]]}, "directional, spherical, lights3d"),
        ({"directions": 5}, "must be a list of vectors"),
        ({"directions": [[0, 0, "1"]]}, "three numbers"),
        ({"directions": [{"x": 0, "y": 1}]}, "three numbers"),
        ({"directions": [[0, 0, 1]], "ledAdjust": [{}, {}]}, "each of its 1 lights or none"),
        ({"directions": [[0, 0, 1]], "ledAdjust": [{"r": 0, "g": 1, "b": 1}]}, "positive numbers"),
        ({"directions": [[0, 0, 1]], "lightConfiguration": "spherical"}, "domeDiameter"),
    ],
)
def test_a_dome_that_is_none_is_refused(tmp_path: Path, dome: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_dome(_file(tmp_path, "a.dome", json.dumps(dome)))


def _touched(folder: Path, *names: str) -> tuple[Path, ...]:
    for name in names:
        (folder / name).write_bytes(b"")
    return list_images(folder)


def _lights(*names: str) -> Lights:
    return Lights(names, directions=np.tile([0.0, 0.0, 1.0], (len(names), 1)))


def test_images_are_counted_as_people_count(tmp_path: Path) -> None:
    found = _touched(tmp_path, "a10.tif", "a9.TIF", "A1.png", ".hidden.tif", "notes.txt", "mask.png")
    assert [path.name for path in found] == ["A1.png", "a9.TIF", "a10.tif", "mask.png"]
    left = list_images(tmp_path, leave_out=[tmp_path / "mask.png"])
    assert "mask.png" not in {path.name for path in left}


def test_names_are_matched_by_base_name_case_and_stem(tmp_path: Path) -> None:
    images = _touched(tmp_path, "IMG_2.TIF", "img_1.tif", "img_3.png", "other.tif")
    lights, matched, extra = match_images(_lights("img_3.dng", "img_2.tif", "IMG_1.tif"), images)
    assert [path.name for path in matched] == ["img_3.png", "IMG_2.TIF", "img_1.tif"]
    assert lights.names == ("img_3.png", "IMG_2.TIF", "img_1.tif")
    assert [path.name for path in extra] == ["other.tif"]


def test_missing_and_extra_images_are_named(tmp_path: Path) -> None:
    images = _touched(tmp_path, "a.tif", "x.tif", "y.tif")
    with pytest.raises(MismatchError, match=r"2 of 3 lights \(b.tif, c.tif\); left over are 2 images \(x.tif, y.tif\)"):
        match_images(_lights("a.tif", "b.tif", "c.tif"), images)
    with pytest.raises(MismatchError, match="--file-order"):
        match_images(_lights("a.tif", "b.tif", "c.tif"), images)
    lights, matched, _ = match_images(_lights("a.tif", "b.tif", "c.tif"), images, file_order=True)
    assert matched == images
    assert lights.names == ("a.tif", "x.tif", "y.tif")


def test_two_files_of_one_stem_are_not_guessed_between(tmp_path: Path) -> None:
    images = _touched(tmp_path, "a.tif", "a.png", "b.tif")
    with pytest.raises(MismatchError, match=r"a\.jpg"):
        match_images(_lights("a.jpg", "b.tif"), images)


def test_lights_without_names_need_as_many_images(tmp_path: Path) -> None:
    images = _touched(tmp_path, "2.tif", "10.tif")
    lights = Lights(directions=np.tile([0.0, 0.0, 1.0], (2, 1)))
    assert match_images(lights, images)[0].names == ("2.tif", "10.tif")
    with pytest.raises(MismatchError, match=r"2 lights .* there are 3 images"):
        match_images(lights, _touched(tmp_path, "mask.png"))


def test_the_light_files_of_real_stacks_are_read(data_dir: Path) -> None:
    lion = read_lights(data_dir / "ps" / "rti_lionhead" / "lionhead.lp")
    _, matched, extra = match_images(lion, list_images(data_dir / "ps" / "rti_lionhead" / "images"))
    assert len(matched) == 60
    assert extra == ()
    bare = read_lights(data_dir / "ps" / "uw_psm" / "lights.csv")
    assert bare.names == ()
    np.testing.assert_allclose(bare.directions[0], [0.403259, 0.480808, 0.778592], atol=1e-6)
