"""The pseudo-F-measure on scanned pages, beside a few lines with the thinning of scikit-image."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.morphology import thin

from graven.io.masks import read_mask
from graven.metrics import pseudo_fmeasure


def by_hand(preds: NDArray[np.bool_], target: NDArray[np.bool_]) -> float:
    line = thin(target)
    precision, recall = (preds & target).sum() / preds.sum(), (line & preds).sum() / line.sum()
    return float(2 * precision * recall / (precision + recall))


def test_pages_score_as_with_another_implementation(data_dir: Path) -> None:
    folder = data_dir / "lines" / "dibco"
    paths = sorted((folder / "masks").glob("*.png"))
    if len(paths) < 20:
        pytest.skip(f"{folder} has no 20 pages; set GRAVEN_DATA to the folder that holds lines/dibco")
    for path in paths[:20]:
        grey = cv2.imread(str(folder / "images" / path.name), cv2.IMREAD_GRAYSCALE)
        _, ink = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
        target = read_mask(path, size=grey.shape)[0]
        found = pseudo_fmeasure(ink.astype(bool), target)
        assert found == pytest.approx(by_hand(ink.astype(bool), target), abs=1e-12), path.name
        assert 0.1 < found < 1
