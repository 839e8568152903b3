"""From prepared pixels to probabilities: engines, blending of overlapping tiles, streaming over large rasters."""

from __future__ import annotations
