"""Where the published simulation departs from what it describes; each quirk can be kept or mended by name."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CORRECTED", "PARITY", "Quirks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Which quirks of the published code are kept. `PARITY` keeps all, `CORRECTED` none.

    Attributes
    ----------
    collapsing_window : bool
        A segment of exactly ten pixels gives a hint drawn from a single one, because both ends of the wrapped window
        coincide. Mended: all ten.
    batch_turns_to_add : bool
        In training, one sample with nothing to erase turns its whole batch into additions. Mended: that sample alone.
    empty_add_competes : bool
        Where nothing is missing, an addition without a hint is still predicted and compared; if it beats the erasure,
        the step is rejected and the patch lost. Mended: what is impossible does not compete.
    rounds_half_down : bool
        The score of a patch rounds a probability of 0.5 to background, while errors are looked up with 0.5 as
        foreground. Mended: foreground in both.
    unmasked_patches : bool
        Patches are scored and corrected outside the object too, although the whole object is scored inside alone.
        Mended: nothing is predicted outside.
    blind_ring : bool
        The outermost pixels of every patch have blending weight 0 and become background, a grid of lines one pixel
        wide on each side. Mended: the weight is at least 1e-6.
    blank_margin : bool
        What lies beyond the last complete patch is background. Mended: the initial prediction stays there.
    floors_to_bytes : bool
        The whole object is thresholded after its probabilities were cut to 8 bits, which asks for at least 128/255.
        Mended: at least 0.5.
    open_end : bool
        Steps after the last record are not recorded. Mended: one more record at the end.
    """

    collapsing_window: bool
    batch_turns_to_add: bool
    empty_add_competes: bool
    rounds_half_down: bool
    unmasked_patches: bool
    blind_ring: bool
    blank_margin: bool
    floors_to_bytes: bool
    open_end: bool


PARITY = Quirks(
    collapsing_window=True,
    batch_turns_to_add=True,
    empty_add_competes=True,
    rounds_half_down=True,
    unmasked_patches=True,
    blind_ring=True,
    blank_margin=True,
    floors_to_bytes=True,
    open_end=True,
)
"""The published numbers."""

CORRECTED = Quirks(
    collapsing_window=False,
    batch_turns_to_add=False,
    empty_add_competes=False,
    rounds_half_down=False,
    unmasked_patches=False,
    blind_ring=False,
    blank_margin=False,
    floors_to_bytes=False,
    open_end=False,
)
"""What the publication describes."""
