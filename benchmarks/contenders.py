"""Who predicts a whole image: the network alone, graven, and its peers with the same network in the same engine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import peers
from benchmarks.adapter import Done, Job, network_only, record, whole_image

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CONTENDERS", "FLOOR", "Contender", "left_out"]

GIB = 2**30
MAX_BYTES = 12 * GIB
FLOOR = "network-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to predict a whole image.

    Attributes
    ----------
    label : str
        On pages.
    start : callable
        ``start(job)`` loads what is not timed and gives the call that is.
    on_dense, on_sparse, in_memory : bool
        Whether time is taken on panels full of figures, on panels that are 90 % empty, and peak memory on the first.
    bytes_per_px : float
        Memory above the model per pixel of the image; 0 where it does not grow with the number of rows.
    needs : tuple of str
        Modules that must be installed.
    """

    label: str
    start: Callable[[Job], Callable[[], Done]]
    on_dense: bool = True
    on_sparse: bool = False
    in_memory: bool = True
    bytes_per_px: float = 0.0
    needs: tuple[str, ...] = ()


def left_out(contender: Contender, height: int, width: int) -> str:
    """Say why a contender cannot take part at a size; empty if it can."""
    missing = [name for name in contender.needs if importlib.util.find_spec(name) is None]
    if missing:
        return f"{missing[0]} is not installed (make bench-peers)"
    needed = contender.bytes_per_px * height * width
    return f"would need about {needed / GIB:.0f} GiB" if needed > MAX_BYTES else ""


def _peer(run: Callable[..., int], key: str, *, is_reference: bool = False, **options: Any) -> Callable[..., Any]:
    """Give the `start` of a peer that predicts with the engine of graven, or with the reference."""

    def start(job: Job) -> Callable[[], Done]:
        predictor = job.models.reference if is_reference else job.models.predictor
        size = {"tile_px": job.tile_px, "overlap_px": job.overlap_px}
        return lambda: Done(run(job.source, job.folder / f"{key}.tif", predictor, **size, **options))

    return start


# Bytes per pixel, as the libraries and `benchmarks.peers` allocate them: an image of 3 bytes, as float32 12; sums and
# weights 4 each; what a division or a copy makes anew 4.
CONTENDERS: dict[str, Contender] = {
    FLOOR: Contender(label="network only", start=network_only, on_sparse=True, in_memory=False),
    "graven": Contender(label="graven", start=partial(whole_image, key="graven")),
    "graven-rows": Contender(
        label="graven, to durable rows",
        start=partial(whole_image, key="graven-rows", to_rows=True),
        in_memory=False,
    ),
    "graven-prepared": Contender(
        label="graven with preparation",
        start=partial(whole_image, key="graven-prepared", is_prepared=True),
        on_sparse=True,
    ),
    "graven-gated": Contender(
        label="graven with preparation and gate",
        start=partial(whole_image, key="graven-gated", is_prepared=True, is_gated=True),
        on_dense=False,
        on_sparse=True,
        in_memory=False,
    ),
    "graven-record": Contender(label="graven segment, the whole record", start=partial(record, key="graven-record")),
    "naive": Contender(label="naive accumulator", start=_peer(peers.naive, "naive"), bytes_per_px=14),
    "monai-constant": Contender(
        label="MONAI, constant weights",
        start=_peer(peers.monai, "monai-constant", mode="constant"),
        on_sparse=True,
        bytes_per_px=23,
        needs=("torch", "monai"),
    ),
    "monai-gaussian": Contender(
        label="MONAI, Gaussian weights",
        start=_peer(peers.monai, "monai-gaussian", mode="gaussian"),
        in_memory=False,
        bytes_per_px=23,
        needs=("torch", "monai"),
    ),
    "tiler": Contender(label="tiler", start=_peer(peers.tiler, "tiler"), bytes_per_px=23, needs=("tiler",)),
    "torch-float32": Contender(
        label="eager PyTorch in float32, naive accumulator",
        start=_peer(peers.naive, "torch-float32", is_reference=True),
        bytes_per_px=14,
        needs=("torch",),
    ),
}
"""By key; the order is that of the tables."""
