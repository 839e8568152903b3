from __future__ import annotations

import pytest

from graven.errors import InputError
from graven.nets import build_net
from graven.train.speed import time_pictures
from graven.train.task import Standardised


def test_each_picture_is_timed_and_the_first_ones_are_not() -> None:
    seen = []
    net = build_net("unet", n_classes=3, widths=(2, 4))
    net.register_forward_pre_hook(lambda _, inputs: seen.append((tuple(inputs[0].shape), net.training)))
    model = Standardised(net, mean=(1, 2, 3), std=(1, 1, 1), is_exclusive=True)
    seconds, device = time_pictures(model, size_px=32, n=4, n_warm=2, accelerator="cpu")
    assert seen == [((1, 3, 32, 32), False)] * 6
    assert len(seconds) == 4
    assert all(second > 0 for second in seconds)
    assert device == "cpu"


def test_nothing_to_time_is_refused() -> None:
    model = Standardised(build_net("unet", widths=(2, 4)), mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(InputError, match="at least one picture"):
        time_pictures(model, n=0)
