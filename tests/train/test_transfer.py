"""A bundle becomes a network again that answers as it did, and all of which can be trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graven.errors import MismatchError
from graven.io.bundle import read_bundle, read_check
from graven.train.export import probabilities
from graven.train.transfer import trained_network


@pytest.mark.parametrize("name", ["petroglyph", "petroglyph-gate", "condition"])
def test_a_bundled_network_answers_as_its_bundle_and_can_be_trained(name: str) -> None:
    bundle = read_bundle(name)
    net = trained_network(bundle.spec, bundle.model_path)
    stored, expected = read_check(bundle) or ((), ())
    assert np.abs(probabilities(net.eval(), stored.astype(np.float32)) - expected).max() < 1e-5
    assert all(weight.requires_grad for weight in net.parameters())


def test_a_file_of_another_network_is_refused(damage_model: Path) -> None:
    bundle = read_bundle(damage_model)
    spec = replace(bundle.spec, network="compact_unet", network_options={"n_classes": 3})
    with pytest.raises(MismatchError, match="does not hold the network 'compact_unet'"):
        trained_network(spec, bundle.model_path)
