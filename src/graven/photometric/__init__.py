"""Images under single lights to normals, albedo and height."""

from __future__ import annotations
