"""graven documents worked surfaces from images: trace, correct, measure and publish.

The functions below mirror the verbs of the command line and are documented as stable. They are loaded on first use, so
``import graven`` costs nothing and loads neither PyTorch nor GDAL.

Examples
--------
>>> import graven
>>> [verb for verb in ("segment", "measure", "export") if verb in graven.__all__]
['segment', 'measure', 'export']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graven._version import __version__
from graven.errors import GravenError

if TYPE_CHECKING:
    from graven.api.batch import batch as batch
    from graven.api.compare import compare as compare
    from graven.api.doctor import doctor as doctor
    from graven.api.enhance import enhance as enhance
    from graven.api.evaluate import evaluate as evaluate
    from graven.api.export import export as export
    from graven.api.finetune import finetune as finetune
    from graven.api.images import info as info
    from graven.api.images import open_image as open
    from graven.api.measure import measure as measure
    from graven.api.models import models as models
    from graven.api.prepare import prepare as prepare
    from graven.api.refine import refine as refine
    from graven.api.reproduce import reproduce as reproduce
    from graven.api.segment import segment as segment
    from graven.api.stereo import stereo as stereo
    from graven.api.synth import synth as synth
    from graven.api.train import train as train

__all__ = [
    "GravenError",
    "__version__",
    "batch",
    "compare",
    "doctor",
    "enhance",
    "evaluate",
    "export",
    "finetune",
    "info",
    "measure",
    "models",
    "open",
    "prepare",
    "refine",
    "reproduce",
    "segment",
    "stereo",
    "synth",
    "train",
]

_LAZY = {
    "batch": ("graven.api.batch", "batch"),
    "compare": ("graven.api.compare", "compare"),
    "doctor": ("graven.api.doctor", "doctor"),
    "enhance": ("graven.api.enhance", "enhance"),
    "evaluate": ("graven.api.evaluate", "evaluate"),
    "export": ("graven.api.export", "export"),
    "finetune": ("graven.api.finetune", "finetune"),
    "info": ("graven.api.images", "info"),
    "measure": ("graven.api.measure", "measure"),
    "models": ("graven.api.models", "models"),
    "open": ("graven.api.images", "open_image"),
    "prepare": ("graven.api.prepare", "prepare"),
    "refine": ("graven.api.refine", "refine"),
    "reproduce": ("graven.api.reproduce", "reproduce"),
    "segment": ("graven.api.segment", "segment"),
    "stereo": ("graven.api.stereo", "stereo"),
    "synth": ("graven.api.synth", "synth"),
    "train": ("graven.api.train", "train"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'graven' has no attribute {name!r}; it offers {sorted(__all__)}")
    module, attribute = _LAZY[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
