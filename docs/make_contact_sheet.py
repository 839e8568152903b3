"""Grow a panel of each kind of rock and lay them out: above the picture, below it the same with the truth outlined.

Run ``python docs/make_contact_sheet.py``; writes ``docs/pictures/petroglyph_contact_sheet.jpg`` (at most 300 kB).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from graven.synthetic import PetroglyphPanel, make_petroglyph

OUT = Path(__file__).parent / "pictures" / "petroglyph_contact_sheet.jpg"
MAX_BYTES = 300_000
SIDE = 360
PANELS = (
    # seed, rock, degradation
    (104, "varnished_sandstone", "ordinary"),
    (110, "granite", "ordinary"),
    (132, "polished_sandstone", "ordinary"),
    (112, "schist", "ordinary"),
    (135, "polished_sandstone", "severe"),
    (126, "basalt", "ordinary"),
    (121, "limestone", "ordinary"),
    (138, "gneiss", "ordinary"),
    (145, "dolomite", "ordinary"),
    (129, "basalt", "severe"),
)


def tile(panel: PetroglyphPanel, *, outlined: bool) -> np.ndarray:
    """Shrink a picture, with the border of its truth in red if asked."""
    picture = np.ascontiguousarray(panel.image.transpose(1, 2, 0)[:, :, ::-1])
    if outlined:
        rings, _ = cv2.findContours(panel.mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, rings, -1, (40, 40, 255), 3)
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Write the sheet with the best quality that fits."""
    panels = [make_petroglyph(seed, rock=rock, degradation=degradation) for seed, rock, degradation in PANELS]
    half = len(panels) // 2
    rows = [
        np.hstack([tile(panel, outlined=outlined) for panel in part])
        for part in (panels[:half], panels[half:])
        for outlined in (False, True)
    ]
    sheet = np.vstack(rows)
    for quality in range(92, 20, -4):
        _, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) <= MAX_BYTES:
            break
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(data.tobytes())
    print(f"{OUT.name}: {sheet.shape[1]} x {sheet.shape[0]} px, {len(data)} bytes, JPEG quality {quality}")


if __name__ == "__main__":
    main()
