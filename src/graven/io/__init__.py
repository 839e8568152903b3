"""Files: the only package that touches them; one module per format, ``read_x`` beside ``write_x``.

Importing the package loads no decoder. What decodes (`graven.io.images`, `graven.io.geotiff`) loads it on first use.
"""

from __future__ import annotations

__all__: list[str] = []
