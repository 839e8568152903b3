"""The layers that describe a surface, which files, preparations and bundles name alike."""

from __future__ import annotations

__all__ = ["LAYERS"]

LAYERS: dict[str, tuple[str, ...]] = {
    "height": ("height",),
    "normals": ("normal_x", "normal_y", "normal_z"),
    "albedo": ("albedo",),
}
"""Layers and their bands: height in millimetres towards the viewer, unit normal (x right, y up, z towards the viewer),
albedo as a share."""
