"""``model.json``: a `ModelSpec` as strict JSON, read and written by one schema.

Strict means: the schema version is known, no key is unknown or missing or given twice, no value is NaN or infinite, and
types are not bent to fit. A model that does not say exactly how it was trained is not run.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from graven.errors import DataError, GravenError, InputError
from graven.io.strictjson import parse_json
from graven.types import ClassDefinition, ClassTable, ModelSpec, Normalisation, PrepareStep, Role

__all__ = ["MODEL_SCHEMA_VERSION", "spec_from_json", "spec_to_json"]

MODEL_SCHEMA_VERSION = 1
"""Version of the layout of ``model.json``; raised whenever a key changes its meaning."""

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Class(_Strict):
    id: int = Field(ge=1, le=254)
    name: str = Field(min_length=1, max_length=80)
    color: str
    hatch: str
    kind: Literal["area", "line"]
    code: str


class _Normalisation(_Strict):
    mean: list[float] = Field(min_length=1)
    std: list[float] = Field(min_length=1)


class _Step(_Strict):
    name: str
    options: dict[str, Any] = Field(default_factory=dict)


class _Model(_Strict):
    schema_version: Literal[1]
    name: str = Field(pattern=NAME)
    version: str = Field(min_length=1, max_length=40)
    method: Literal["petroglyph", "engraving", "condition", "relief"]
    role: Role
    network: str = Field(min_length=1)
    network_options: dict[str, Any]
    classes: list[_Class] = Field(min_length=1)
    bands: list[str] = Field(min_length=1, max_length=64)
    pixel_size_mm: float | None = Field(gt=0)
    tile_px: int = Field(ge=8, le=8192)
    overlap_px: int = Field(ge=0)
    normalisation: _Normalisation
    prepare: list[_Step]
    threshold: float = Field(ge=0, le=1)
    min_object_mm2: float = Field(ge=0)
    companions: dict[str, str]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _agree(self) -> _Model:
        counts = {len(self.bands), len(self.normalisation.mean), len(self.normalisation.std)}
        if len(counts) != 1:
            raise ValueError(
                f"bands, normalisation.mean and normalisation.std must be equally long, got {len(self.bands)}, "
                f"{len(self.normalisation.mean)} and {len(self.normalisation.std)}"
            )
        if min(self.normalisation.std) <= 0:
            raise ValueError("normalisation.std must be above 0 in every band")
        if self.overlap_px >= self.tile_px:
            raise ValueError(f"overlap_px must be below tile_px, got {self.overlap_px} and {self.tile_px}")
        return self


def spec_from_json(text: str, *, where: str = "model.json") -> ModelSpec:
    """Read a model's description.

    Parameters
    ----------
    text : str
        The content of ``model.json``.
    where : str
        Name of the file in messages.

    Returns
    -------
    ModelSpec
        The description.

    Raises
    ------
    DataError
        If the JSON is damaged, of another schema version, or anything in it is unknown, missing or out of range.
    """
    content = parse_json(text, name=where)
    if not isinstance(content, dict) or "schema_version" not in content:
        raise DataError(f"{where} must be a JSON object with schema_version; this is not a graven model")
    version = content["schema_version"]
    if version != MODEL_SCHEMA_VERSION or isinstance(version, bool):
        raise DataError(
            f"{where} has schema_version {version!r}, this graven reads {MODEL_SCHEMA_VERSION}; "
            "update graven or export the model again"
        )
    try:
        model = _Model.model_validate(content)
        classes = ClassTable(tuple(ClassDefinition(**entry.model_dump()) for entry in model.classes))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the object"
        raise DataError(f"{where}: {place}: {first['msg']}, got {_short(first['input'])}") from error
    except GravenError as error:
        raise DataError(f"{where}: classes: {error}") from error
    return ModelSpec(
        name=model.name,
        version=model.version,
        method=model.method,
        role=model.role,
        network=model.network,
        network_options=model.network_options,
        classes=classes,
        bands=tuple(model.bands),
        pixel_size_mm=model.pixel_size_mm,
        tile_px=model.tile_px,
        overlap_px=model.overlap_px,
        normalisation=Normalisation(tuple(model.normalisation.mean), tuple(model.normalisation.std)),
        prepare=tuple(PrepareStep(step.name, step.options) for step in model.prepare),
        threshold=model.threshold,
        min_object_mm2=model.min_object_mm2,
        companions=model.companions,
        sha256=model.sha256,
    )


def spec_to_json(spec: ModelSpec) -> str:
    """Write a model's description; `spec_from_json` gives it back.

    Parameters
    ----------
    spec : ModelSpec
        With the hash of its ``model.onnx``.

    Returns
    -------
    str
        Indented JSON with a final newline.

    Raises
    ------
    DataError
        If the description would be refused on reading.
    InputError
        If an option is not JSON (NaN included).
    """
    content = {
        "schema_version": MODEL_SCHEMA_VERSION,
        "name": spec.name,
        "version": spec.version,
        "method": spec.method,
        "role": spec.role,
        "network": spec.network,
        "network_options": spec.network_options,
        "classes": [
            {"id": c.id, "name": c.name, "color": c.color, "hatch": c.hatch, "kind": c.kind, "code": c.code}
            for c in spec.classes.classes
        ],
        "bands": list(spec.bands),
        "pixel_size_mm": spec.pixel_size_mm,
        "tile_px": spec.tile_px,
        "overlap_px": spec.overlap_px,
        "normalisation": {"mean": list(spec.normalisation.mean), "std": list(spec.normalisation.std)},
        "prepare": [{"name": step.name, "options": step.options} for step in spec.prepare],
        "threshold": spec.threshold,
        "min_object_mm2": spec.min_object_mm2,
        "companions": spec.companions,
        "sha256": spec.sha256,
    }
    try:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise InputError(f"the description of model {spec.name!r} holds something that JSON cannot: {error}") from error
    spec_from_json(text, where=f"the description of {spec.name!r}")
    return text


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
