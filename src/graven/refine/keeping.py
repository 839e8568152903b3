"""How much of a network's new answer to keep when a stroke was drawn.

The published simulation always takes the whole patch anew, and accepts the step if the hints alone have improved the
initial mask. Nothing looks at the rest of the patch: the network sees more hints than in training, changes its mind far
from the stroke, and what was right there is lost. If the initial mask was right there, no later hint can improve on it,
so the patch is given up and the loss stays. This is the late decline of the published curves.

Each rule below keeps the earlier answer where the new one has no reason to differ. None needs the truth but the last,
which is there to compare with. Rules combine, and apply in the order of the fields.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from graven.errors import InputError, MismatchError
from graven.refine.hints import ADD, ERASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["KEEPING", "OUR_KEEPING", "Keeping", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What of a new answer replaces the earlier one; the default is all of it, as published.

    Attributes
    ----------
    margin_logit : float, >= 0
        A pixel changes only if the new logit is at least so far from 0: the undecided do not overturn.
    follows_polarity : bool
        An addition may only raise logits, an erasure only lower them.
    joined_only : bool
        Pixels turn to foreground or background only in regions of change that touch the stroke.
    reach_px : float, pixels, > 0, or inf
        The new answer counts in full up to this distance from the stroke, and not at all from twice that distance;
        between them logits are blended.
    needs_gain : bool
        The new answer is taken only if its score, which needs the truth, is not below that of the earlier one.

    Examples
    --------
    >>> Keeping(reach_px=24).margin_logit
    0.0
    """

    margin_logit: float = 0.0
    follows_polarity: bool = False
    joined_only: bool = False
    reach_px: float = math.inf
    needs_gain: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.margin_logit < math.inf):
            raise InputError(f"margin_logit must be 0 or more, got {self.margin_logit}")
        if not self.reach_px > 0:
            raise InputError(f"reach_px must be above 0, got {self.reach_px}; inf keeps the whole patch")

    def to_dict(self) -> dict[str, Any]:
        """Give the rule ready for JSON; a reach without limit is None."""
        return asdict(self) | {"reach_px": self.reach_px if math.isfinite(self.reach_px) else None}


KEEPING: dict[str, Keeping] = {
    "official": Keeping(),
    "decided": Keeping(margin_logit=1.0),
    "polarity": Keeping(follows_polarity=True),
    "joined": Keeping(joined_only=True),
    "local": Keeping(reach_px=24.0),
    "guarded": Keeping(follows_polarity=True, reach_px=24.0),
    "oracle": Keeping(needs_gain=True),
}
"""Rules worth comparing, by name. ``oracle`` knows the truth and bounds what a choice per patch can reach."""

OUR_KEEPING: Final = "guarded"
"""The rule that graven works with, in sessions and in the study; set before anything was measured."""


def keep(
    earlier: NDArray[np.float32],
    proposed: NDArray[np.float32],
    stroke: NDArray[np.int8],
    keeping: Keeping,
    *,
    score: Callable[[NDArray[np.float32]], float] | None = None,
) -> NDArray[np.float32]:
    """Join a new answer with the one that stood before the stroke.

    Parameters
    ----------
    earlier, proposed : ndarray of shape (H, W), float32
        Finite logits before the stroke, and the network's answer to it. Hints are not written in.
    stroke : ndarray of shape (H, W), int8
        Hint map of the new stroke alone. With both signs in it, polarity restricts nothing; if it is empty, rules that
        look at the stroke keep everything as it was.
    keeping : Keeping
        The rules.
    score : callable, optional
        Gives the score of logits, hints included; for ``needs_gain`` alone.

    Returns
    -------
    ndarray of shape (H, W), float32
        The logits that stand now.

    Raises
    ------
    MismatchError
        If shapes differ.
    InputError
        If ``needs_gain`` is asked for without a score.
    """
    if not earlier.shape == proposed.shape == stroke.shape:
        raise MismatchError(
            f"earlier logits, proposed logits and stroke must have one shape, got {earlier.shape}, {proposed.shape} "
            f"and {stroke.shape}"
        )
    if keeping.margin_logit > 0:
        proposed = np.where(np.abs(proposed) >= keeping.margin_logit, proposed, earlier)
    if keeping.follows_polarity:
        proposed = _along_polarity(earlier, proposed, stroke)
    if keeping.joined_only:
        proposed = np.where(_apart(earlier, proposed, stroke), earlier, proposed)
    if math.isfinite(keeping.reach_px):
        proposed = _near(earlier, proposed, stroke, reach_px=keeping.reach_px)
    if keeping.needs_gain:
        if score is None:
            raise InputError("needs_gain compares scores, and none was given; choose another rule where no truth is")
        proposed = proposed if score(proposed) >= score(earlier) else earlier
    return proposed


def _along_polarity(
    earlier: NDArray[np.float32], proposed: NDArray[np.float32], stroke: NDArray[np.int8]
) -> NDArray[np.float32]:
    adds, erases = bool((stroke == ADD).any()), bool((stroke == ERASE).any())
    if adds and erases:
        return proposed
    if adds:
        return np.maximum(earlier, proposed)
    return np.minimum(earlier, proposed) if erases else earlier


def _apart(earlier: NDArray[np.float32], proposed: NDArray[np.float32], stroke: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Mark the pixels that change sides in regions that do not touch the stroke."""
    changed = (earlier >= 0) != (proposed >= 0)
    _, labels = cv2.connectedComponents((changed | (stroke != 0)).view(np.uint8), connectivity=8)
    joined = np.zeros(labels.max() + 1, np.bool_)
    joined[labels[stroke != 0]] = True
    apart: NDArray[np.bool_] = changed & ~joined[labels]
    return apart


def _near(
    earlier: NDArray[np.float32], proposed: NDArray[np.float32], stroke: NDArray[np.int8], *, reach_px: float
) -> NDArray[np.float32]:
    if not stroke.any():
        return earlier
    distance = cv2.distanceTransform((stroke == 0).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(2 - distance / np.float32(reach_px), 0, 1)
    blended: NDArray[np.float32] = earlier + share * (proposed - earlier)
    return np.where(share == 1, proposed, blended)
