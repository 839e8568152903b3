"""Training for any method: recipes, data, one loop, checkpoints that resume exactly, curves and export."""

from __future__ import annotations

__all__: list[str] = []
