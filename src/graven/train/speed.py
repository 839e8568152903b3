"""How long a network takes for one picture, as papers report it: the pass forward and the choice of the class."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from graven.errors import InputError

if TYPE_CHECKING:
    from graven.train.task import Standardised

__all__ = ["n_threads", "time_pictures"]


@torch.inference_mode()
def time_pictures(
    model: Standardised, *, size_px: int = 512, n: int = 20, n_warm: int = 3, accelerator: str = "auto"
) -> tuple[tuple[float, ...], str]:
    """Time single square pictures in float32, standardisation, forward pass and argmax included.

    Parameters
    ----------
    model : Standardised
        The network; put into evaluation mode and moved to the device.
    size_px : int, pixels
        Side of the picture, a multiple of what the network needs.
    n, n_warm : int, >= 1
        Pictures that are timed, and those before that are not.
    accelerator : {"auto", "cpu", "cuda"}
        Where; ``auto`` takes the GPU where there is one.

    Returns
    -------
    seconds : tuple of float
        One per picture.
    device : str
        Its name for people: a GPU's own name, or ``cpu``.

    Raises
    ------
    InputError
        If nothing is to be timed.
    """
    if n < 1 or n_warm < 1:
        raise InputError(f"timing needs at least one picture and one before, got n={n}, n_warm={n_warm}")
    on_gpu = accelerator == "cuda" or (accelerator == "auto" and torch.cuda.is_available())
    device = torch.device("cuda" if on_gpu else "cpu")
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    picture = (255 * torch.rand(1, model.mean.shape[1], size_px, size_px, generator=generator)).to(
        device, memory_format=torch.channels_last
    )
    seconds = []
    for _ in range(n_warm + n):
        began = time.perf_counter()
        model(picture).argmax(dim=1)
        if on_gpu:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
    return tuple(seconds[n_warm:]), torch.cuda.get_device_name(device) if on_gpu else "cpu"


def n_threads() -> int:
    """Give the number of threads on which torch computes on the processor."""
    return torch.get_num_threads()
