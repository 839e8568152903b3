"""Model bundles: what is installed, what it is, whether it is whole, and its export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graven.errors import UsageError
from graven.io.bundle import list_bundles, read_bundle, verify_bundle
from graven.io.model_json import spec_to_json
from graven.io.strictjson import parse_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["export", "models", "show", "verify"]

EXPORTS = ("deepness",)


def models() -> list[dict[str, Any]]:
    """List the models that come with graven.

    Returns
    -------
    list of dict
        ``name``, ``version``, ``method``, ``role``, ``pixel_size_mm``, ``size_mib`` and ``sha256`` (first 12 digits).
    """
    rows = []
    for name in list_bundles():
        bundle = read_bundle(name)
        spec = bundle.spec
        rows.append(
            {
                "name": spec.name,
                "version": spec.version,
                "method": spec.method,
                "role": spec.role,
                "pixel_size_mm": spec.pixel_size_mm,
                "size_mib": round(bundle.model_path.stat().st_size / 2**20, 2),
                "sha256": spec.sha256[:12],
            }
        )
    return rows


def show(name: str) -> tuple[str, dict[str, Any]]:
    """Give a model's card and settings.

    Parameters
    ----------
    name : str
        Name of a bundled model, or the path of a bundle.

    Returns
    -------
    text : str
        The model card.
    facts : dict
        Everything in ``model.json``.
    """
    bundle = read_bundle(name)
    return bundle.card, parse_json(spec_to_json(bundle.spec), name="model.json")


def verify(name: str | None = None, *, engine: str = "all", n_panels: int = 0) -> list[dict[str, Any]]:
    """Check hashes, schema and network of models, and that engines agree with float32.

    Parameters
    ----------
    name : str, optional
        Name or path of one bundle; default is all that come with graven.
    engine : str
        ``"all"`` that are installed, in every precision that they take on this machine; ``"auto"`` for what a
        prediction would take; or the name of one.
    n_panels : int, 0 to 16
        How many generated validation panels to predict with every engine: F1 must stay within 0.001 of float32.

    Returns
    -------
    list of dict
        ``model`` and ``check``, one row per check that was passed; rows about an engine hold its figures as well
        (`graven.api.verification.compare_engines`).

    Raises
    ------
    DataError
        At the first check that fails.
    UsageError
        If there is no such model, engine or number of panels.
    """
    from graven.api.verification import compare_engines

    names = [name] if name is not None else list(list_bundles())
    rows: list[dict[str, Any]] = []
    for entry in names:
        bundle = read_bundle(entry)
        found = [{"check": check} for check in verify_bundle(bundle)]
        found += compare_engines(bundle, engine=engine, n_panels=n_panels)
        rows.extend({"model": entry, **row} for row in found)
    return rows


def export(name: str, *, to: str, out: Path, overwrite: bool = False) -> Path:
    """Write a model in another tool's format.

    Parameters
    ----------
    name : str
        Name or path of a bundle.
    to : {"deepness"}
        The format.
    out : Path
        File to write.
    overwrite : bool
        Replace a file of that name.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the format is unknown, or the file exists.
    DataError
        If the tool cannot prepare the input as the model needs it; the reason is given.
    """
    if to not in EXPORTS:
        raise UsageError(f"--to takes {' or '.join(EXPORTS)}, got {to!r}")
    if out.is_dir():
        raise UsageError(f"{out} is a folder; name the file to write")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; choose another name or replace it with --overwrite")
    from graven.io.deepness import export_deepness

    export_deepness(read_bundle(name), out)
    return out
