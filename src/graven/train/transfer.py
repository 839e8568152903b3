"""From a bundle back to a network that can be trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graven.errors import MismatchError
from graven.io.onnx_check import INPUT_NAME
from graven.nets import build_net
from graven.train.export import HALF_SUFFIX, MAX_DIFFERENCE, WHOLE_PREFIX, probabilities
from graven.train.folding import fold_norms
from graven.train.task import Standardised

if TYPE_CHECKING:
    from pathlib import Path

    from graven.types import ModelSpec

__all__ = ["trained_network"]

PROBE_PX = 64
PUBLISHED = "encoder_weights"
"""Option that fetches weights, which are replaced here."""
EXPORTED_BIAS = ".weight_bias"
"""Ends the name of an offset in files of earlier versions, in which PyTorch's exporter folded the normalisation."""


def trained_network(spec: ModelSpec, onnx_path: Path) -> Standardised:
    """Build the network of a bundle with the weights of its ``model.onnx``.

    Parameters
    ----------
    spec : ModelSpec
        Network, options, classes and standardisation.
    onnx_path : Path
        The weights, checked against `spec` by `graven.io.bundle.read_bundle`.

    Returns
    -------
    Standardised
        Answers as the bundle does. Its batch normalisation lies inside the convolutions, as exported: trained on, it
        keeps the statistics that it had, which is what few images call for.

    Raises
    ------
    MismatchError
        If the file does not hold that network as `graven.train.export` writes it; its answer to noise is compared.
    """
    import onnx
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    with torch.random.fork_rng(devices=[]):
        net = build_net(spec.network, **{name: v for name, v in spec.network_options.items() if name != PUBLISHED})
    scale = spec.normalisation
    model = Standardised(net, mean=scale.mean, std=scale.std, is_exclusive=len(spec.classes) > 1)
    fold_norms(model.eval())
    proto = onnx.load(str(onnx_path))
    stored = {
        tensor.name.removesuffix(HALF_SUFFIX).removeprefix(WHOLE_PREFIX): numpy_helper.to_array(tensor)
        for tensor in proto.graph.initializer
    }
    for name, tensor in model.state_dict().items():
        found = stored.get(name, stored.get(f"{name.removesuffix('.bias')}{EXPORTED_BIAS}"))
        if found is None:
            tensor.zero_()  # the exporter leaves out offsets that are all zero, and parts that no answer needs
        elif found.size != tensor.numel():
            raise _strange(spec)
        else:
            tensor.copy_(torch.from_numpy(found.astype(np.float32)).view_as(tensor))
    pixels = np.random.default_rng(0).uniform(0, 255, (1, len(spec.bands), PROBE_PX, PROBE_PX)).astype(np.float32)
    answers: Any = ReferenceEvaluator(proto).run(None, {INPUT_NAME: pixels})
    if not np.abs(np.asarray(answers[0]) - probabilities(model, pixels)).max() <= MAX_DIFFERENCE:  # nan is no answer
        raise _strange(spec)
    model.requires_grad_()  # folding leaves the offsets that it makes fixed
    return model


def _strange(spec: ModelSpec) -> MismatchError:
    return MismatchError(
        f"model.onnx of {spec.name!r} does not hold the network {spec.network!r} as graven exports it, so it cannot be "
        "trained on; train anew with graven train"
    )
