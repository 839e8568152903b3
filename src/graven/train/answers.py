"""What a trained network answers to arrays, for those that know nothing of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from graven.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graven.train.task import Standardised

__all__ = ["predict_logits"]


@torch.inference_mode()
def predict_logits(
    model: Standardised, images: NDArray[np.float32] | NDArray[np.uint8], *, batch_size: int = 16
) -> NDArray[np.float32]:
    """Give the logits of images, in float32 on the device of the network.

    Parameters
    ----------
    model : Standardised
        With one class; put into evaluation mode.
    images : ndarray of shape (N, C, H, W), float32 or uint8, 0 to 255
        Not standardised; of a network that refines picture, logits and hints.
    batch_size : int
        Images at a time.

    Returns
    -------
    ndarray of shape (N, H, W), float32
        Logits, in the order of the images.

    Raises
    ------
    InputError
        If `images` is no batch of images.
    """
    if images.ndim != 4:
        raise InputError(f"expected a batch of shape (N, C, H, W), got {images.shape}; add an axis for one image")
    model.eval()
    device = next(model.parameters()).device
    logits = np.empty((len(images), *images.shape[2:]), np.float32)
    for start in range(0, len(images), batch_size):
        part = torch.from_numpy(np.array(images[start : start + batch_size], np.float32))
        found = model(part.to(device, memory_format=torch.channels_last))
        logits[start : start + batch_size] = found[:, 0].float().cpu().numpy()
    return logits
