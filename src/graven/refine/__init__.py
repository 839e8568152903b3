"""Strokes of a person to a better mask: hints, proposals, history; nothing here knows of files or HTTP."""

from __future__ import annotations
