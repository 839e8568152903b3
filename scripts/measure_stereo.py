"""Measure photometric stereo: rendered spheres, procedural bronzes under a dome of lights, and captured stacks.

What is written is a table in Markdown and as CSV, for `docs/studies/stereo`. Bronzes are the first of the frozen tests.

::

    python scripts/measure_stereo.py --out docs/studies/stereo --data ../shared/data/ps
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from graven.errors import GravenError
from graven.io.fs import write_text_atomic
from graven.io.lightfiles import read_lights
from graven.photometric.black_level import estimate_black_level
from graven.photometric.checks import angular_error_deg
from graven.photometric.integrate import integrate_normals
from graven.photometric.lambertian import lambertian_normals
from graven.photometric.robust import MATT, METAL, robust_normals
from graven.report import csv_table
from graven.report.tables import markdown_table
from graven.synthetic.bronze_light import dome_lights, exposure, render_bronze_lights
from graven.synthetic.surface import surface_normals
from graven.synthetic.testsets import ENGRAVING_TEST_ORDINARY, ENGRAVING_TEST_SEVERE

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_LIGHTS = 24
N_BRONZES = 4
SATURATED = 1.0
OBJECTS = ("buddha", "cat", "rock")
HEAD = ("Stack", "Lights", "Solver", "Mean error in degrees", "Median", "95th percentile", "Pixels solved")
TEXT = """# Photometric stereo

*For researchers.* Written by `scripts/measure_stereo.py`. Errors are angles between normals. Bronzes are the
first of the frozen test lists of `graven.synthetic.testsets`, under a dome of {n_lights} lights, with
highlights, attached and cast shadows and noise; values of 1 and more are saturated, and both solvers leave them
out. The bunny is rendered with cast shadows and carries an offset. Of the captured buddha there is no exact
truth: its reference is another solution, and what stands for it is agreement.

{table}

Heights: {heights}
"""


def sphere(size_px: int = 256) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give the exact normals of a sphere cap, up to 50 degrees from the axis."""
    axis = (np.arange(size_px) + 0.5) / size_px * 2 - 1
    x, y = np.meshgrid(axis * 0.8, -axis * 0.8)
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    return np.stack([x, y, z]), z > np.cos(np.deg2rad(50))


def row(
    name: str, n_lights: int, solver: str, found: NDArray[Any], truth: NDArray[Any], valid: NDArray[np.bool_]
) -> list[Any]:
    """Give one line of the table."""
    error = angular_error_deg(found, truth, valid)
    known = error[np.isfinite(error)]
    share = known.size / max(1, int(valid.sum()))
    figures = [f"{value:.2f}" for value in (known.mean(), *np.percentile(known, (50, 95)))]
    return [name, n_lights, solver, *figures, f"{share:.1%}"]


def spheres() -> list[list[Any]]:
    """Solve a matt sphere without noise."""
    normals, valid = sphere()
    lights = dome_lights(N_LIGHTS, elevations_deg=(55.0, 70.0, 80.0))
    images = np.einsum("kc,chw->khw", lights, normals * 0.6)
    valid &= images.min(axis=0) > 0
    fits = {"least squares": lambertian_normals, "robust": robust_normals}
    return [
        row("sphere, noise-free", len(lights), name, solve(images, lights, valid=valid).normals, normals, valid)
        for name, solve in fits.items()
    ]


def bronzes() -> list[list[Any]]:
    """Solve rendered bronzes with highlights and shadows."""
    rows = []
    for kind, specs in (("ordinary", ENGRAVING_TEST_ORDINARY), ("severe", ENGRAVING_TEST_SEVERE)):
        for spec in specs[:N_BRONZES]:
            panel = spec.make()
            lights = dome_lights(N_LIGHTS)
            rng = np.random.default_rng(spec.seed)
            images = render_bronze_lights(panel, lights, rng=rng).mean(axis=1) * np.float32(exposure(panel, lights))
            truth = surface_normals(panel.surface.height_mm, panel.surface.pixel_size_mm)
            common = {"valid": panel.object_mask, "bright": SATURATED}
            for solver, found in (
                ("least squares", lambertian_normals(images, lights, **common)),
                ("robust", robust_normals(images, lights, settings=METAL, **common)),
            ):
                name = f"bronze {spec.seed}, {kind}"
                rows.append(row(name, len(lights), solver, found.normals, truth, panel.object_mask))
    return rows


def bunny(data: Path) -> list[list[Any]]:
    """Solve the rendered bunny as it is, and with its offset estimated and taken away."""
    with np.load(data / "bunny_lambert" / "bunny_lambert.npz", allow_pickle=False) as file:
        images, lights, valid = file["images"], file["lights"].astype(np.float64), file["mask"].astype(bool)
        truth = np.moveaxis(file["normals"], -1, 0)
    lights /= np.linalg.norm(lights, axis=1, keepdims=True)
    level = estimate_black_level(images, lights, valid=valid)
    known: dict[str, Any] = {"valid": valid, "settings": MATT}
    fits = {
        "least squares": lambertian_normals(images, lights, valid=valid),
        "robust, as it is": robust_normals(images, lights, **known),
        f"robust, offset {level.level:.4f} estimated": robust_normals(images, lights, black=level.level, **known),
    }
    return [row("bunny", len(lights), name, fit.normals, truth, valid) for name, fit in fits.items()]


def captured(data: Path) -> list[list[Any]]:
    """Compare the captured buddha with its reference, which is a solution as well."""
    folder = data / "uw_psm"
    lights = read_lights(folder / "lights.csv").towards
    images = np.stack([read_grey(path) for path in sorted((folder / "buddha").glob("*.png")) if path.stem != "mask"])
    valid = cv2.imread(str(folder / "buddha" / "mask.png"), cv2.IMREAD_GRAYSCALE) > 0
    with np.load(folder / "buddha" / "reference.npz", allow_pickle=False) as file:
        truth = np.moveaxis(file["normals"].astype(np.float32), -1, 0)
    fits = {
        "least squares": lambertian_normals(images, lights, valid=valid),
        "robust": robust_normals(images, lights, valid=valid, settings=MATT),
    }
    return [row("buddha (agreement)", len(lights), name, fit.normals, truth, valid) for name, fit in fits.items()]


def read_grey(path: Path) -> NDArray[np.float32]:
    """Read a photograph as it is stored, in shares of white."""
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.float32) / 255


def heights() -> str:
    """Integrate the exact normals of a smooth surface and say how far the height is off."""
    size = 512
    rows, cols = np.mgrid[:size, :size] / size
    z = 4 * np.sin(3 * np.pi * cols) * np.cos(2 * np.pi * rows) + 8 * cols * (1 - cols) + 5 * rows**2
    normals = surface_normals(z.astype(np.float32), 1.0).astype(np.float64)
    told = []
    for method in ("dct", "masked", "fc"):
        found = integrate_normals(normals, pixel_size_mm=1.0, method=method)
        error = np.abs(found - (z - z.mean())).max() / np.ptp(z)
        told.append(f"{method} {100 * error:.3f} %")
    return (
        f"largest error of the integrated height of a smooth open surface of {size} px, in shares of its range: "
        + ", ".join(told)
        + "."
    )


def main(arguments: list[str] | None = None) -> int:
    """Do the job and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--data", type=Path, help="folder of captured stacks")
    args = parser.parse_args(arguments)
    try:
        rows = [
            *spheres(),
            *bronzes(),
            *(bunny(args.data) if args.data else []),
            *(captured(args.data) if args.data else []),
        ]
        args.out.mkdir(parents=True, exist_ok=True)
        table = markdown_table(HEAD, rows)
        write_text_atomic(args.out / "README.md", TEXT.format(n_lights=N_LIGHTS, table=table, heights=heights()))
        write_text_atomic(args.out / "stereo.csv", csv_table(HEAD, rows))
    except GravenError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
