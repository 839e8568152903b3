"""What happens to pixels before a network sees them: rotation, reversal, equalisation, resampling and splits."""

from __future__ import annotations
