from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from graven.errors import InputError
from graven.report.lightplot import azimuth_deg, draw_lights
from graven.report.stereo import StereoReport, relit, shaded, stereo_report
from graven.report.values import OutputFile
from graven.types import Lights, PixelSize

LIGHTS = Lights(
    ("a <b>.tif", "right.tif", "up.tif"),
    directions=np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 0.6, 0.8]]),
    strengths=np.array([1.0, 2.0, 3.0]),
)


def _report() -> StereoReport:
    rows, cols = np.mgrid[:60, :80].astype(np.float32)
    height = (2 * np.exp(-((rows - 30) ** 2 + (cols - 40) ** 2) / 200)).astype(np.float32)
    down, right = np.gradient(height)
    normals = np.stack([-right, down, np.ones_like(down)])
    normals = (normals / np.linalg.norm(normals, axis=0)).astype(np.float32)
    normals[:, :5] = height[:5] = np.nan
    level = np.where(np.isfinite(height), np.float32(0.5), np.float32(np.nan))
    return StereoReport(
        title="Mirror <1>",
        version="9.9",
        lead="From lights.",
        lights=LIGHTS,
        height=600,
        width=800,
        pixel_size=PixelSize(0.05, 0.05, "user"),
        georeference=None,
        factor=10.0,
        normals=normals,
        albedo=level,
        relief=height,
        residual=level / 10,
        misfit_deg=level,
        photographed=(1, np.nan_to_num(level, nan=0.1)),
        figures=(("Solved", "100 %"),),
        method=(("Normals", "robust"),),
        notes=("a note & more",),
        files=(OutputFile("m_height.tif", "ab" * 32, 12345), OutputFile("m_report.html")),
    )


def test_the_page_holds_what_it_shows_and_asks_for_nothing() -> None:
    page = stereo_report(_report())
    assert page == stereo_report(_report())
    assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page) == []
    assert page.count("data:image/") == 15  # icon, a pair, four views in low light, five maps ... each once
    assert "Mirror &lt;1&gt;" in page
    assert "a &lt;b&gt;.tif" in page
    assert "a note &amp; more" in page
    assert "No scale is known" not in page
    assert "Height of every pixel" in page
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_without_a_scale_no_millimetre_is_printed() -> None:
    page = stereo_report(replace(_report(), pixel_size=None, photographed=None))
    text = re.sub(r"<style>.*?</style>|data:[^\"]*", "", page, flags=re.DOTALL)
    assert "No scale is known" in text
    assert not re.search(r"\d\s*mm", text)
    assert "Photographed and computed" not in text


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="albedo must have the shape"):
        replace(_report(), albedo=np.zeros((3, 4), np.float32))
    with pytest.raises(InputError, match="normals must have shape"):
        replace(_report(), normals=np.zeros((3, 3, 4), np.float32))


def test_a_bump_is_bright_towards_the_light() -> None:
    # lit from the upper left: the upper left flank is bright, the lower right one dark, on both kinds of pictures
    report = _report()
    for picture in (
        shaded(report.relief, 1.0, 135.0, 45.0),
        relit(report.normals, report.albedo, 135.0, 45.0),
    ):
        assert picture[22, 32, 0] > 1.1 * picture[38, 48, 0]
    assert (shaded(report.relief, 1.0, 135.0, 45.0)[0, 0] == shaded(report.relief, 1.0, 315.0, 45.0)[0, 0]).all()


def test_a_level_plane_is_the_sine_of_the_elevation() -> None:
    flat = shaded(np.zeros((5, 5), np.float32), 1.0, 30.0, 30.0)
    np.testing.assert_allclose(flat, 255 * 0.5, atol=1)


def test_lights_are_drawn_where_they_stand() -> None:
    drawn = str(draw_lights(LIGHTS))
    places = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="(-?[\d.]+)" cy="(-?[\d.]+)"', drawn)]
    low = 100 * (90 - np.rad2deg(np.arcsin(0.8))) / 90
    np.testing.assert_allclose(places, [(0, 0), (low, 0), (0, -low)], atol=0.06)
    np.testing.assert_allclose(azimuth_deg(LIGHTS), [0, 0, 90])
