"""Panels on disk for training: plain ``.npy`` arrays read through memory maps, with an index that says what they are.

::

    <store>/
      index.json              schema, origin (generator and version, or folders), preparation, one entry per panel
      <name>_image.npy        uint8 (C, H, W), prepared, not standardised
      <name>_target.npy       uint8 (H, W), 0 or 1, or the number of a class
      <name>_valid.npy        uint8 (H, W), 0 or 1; only where not everything is valid

Panels are prepared once and cut many times: a crop then costs a copy of its own pixels and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graven.errors import DataError, InputError, MismatchError
from graven.io.fs import atomic_path, write_text_atomic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Panel", "PanelEntry", "PanelStore", "band_statistics", "class_shares", "read_store", "write_store"]

STORE_SCHEMA = 1
ReadPanel = Callable[[], tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_] | None]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel to cut crops from.

    Attributes
    ----------
    name : str
        Unique within its set.
    group : str
        Panel, site or photograph it belongs to.
    image : ndarray of shape (C, H, W), uint8
        Prepared pixels; a memory map when read from a store.
    target : ndarray of shape (H, W), uint8 or bool
        Truth, 0 or 1, or the number of a class.
    valid : ndarray of shape (H, W), uint8 or bool, or None
        0 where nothing is known; None where everything is valid.
    """

    name: str
    group: str
    image: NDArray[np.uint8]
    target: NDArray[Any]
    valid: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        shapes = [self.target.shape] + ([] if self.valid is None else [self.valid.shape])
        if self.image.ndim != 3 or any(shape != self.image.shape[1:] for shape in shapes):
            raise MismatchError(
                f"panel {self.name!r}: image {self.image.shape} must be (C, H, W) and truth and valid mask (H, W) "
                f"of the same size, got {', '.join(str(shape) for shape in shapes)}"
            )
        if self.image.dtype != np.uint8:
            raise InputError(f"panel {self.name!r}: the image must be uint8, got {self.image.dtype}")


@dataclass(frozen=True, slots=True)
class PanelEntry:
    """What the index says about a panel.

    Attributes
    ----------
    name, group : str
        As in `Panel`.
    shape : tuple of int
        Bands, height and width.
    positive_share : float, 0 to 1
        Foreground among valid pixels.
    has_valid : bool
        Whether a valid mask lies beside the image.
    sha256 : str
        Hash over the bytes of image, truth and valid mask.
    """

    name: str
    group: str
    shape: tuple[int, int, int]
    positive_share: float
    has_valid: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class PanelStore:
    """A folder of panels, opened.

    Attributes
    ----------
    folder : Path
        Where it lies.
    origin : dict
        What it was made from, as its maker said: generator, version, seeds, preparation.
    entries : tuple of PanelEntry
        The panels, in the order of the index.
    """

    folder: Path
    origin: dict[str, Any]
    entries: tuple[PanelEntry, ...]

    @property
    def sha256(self) -> str:
        """Hash over origin and entries; two stores with the same hash hold the same pixels."""
        content = {"origin": self.origin, "entries": [asdict(entry) for entry in self.entries]}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def open(self, names: Sequence[str] | None = None) -> tuple[Panel, ...]:
        """Map panels into memory.

        Parameters
        ----------
        names : sequence of str, optional
            Which; all by default.

        Returns
        -------
        tuple of Panel
            In the given order.

        Raises
        ------
        DataError
            If a file is missing, damaged or of another shape than the index says.
        InputError
            If a name is not in the index.
        """
        known = {entry.name: entry for entry in self.entries}
        unknown = sorted(set(names or ()) - set(known))
        if unknown:
            raise InputError(f"{self.folder} has no panel {unknown[0]!r}; it holds {len(known)} panels")
        return tuple(self._open(known[name]) for name in (known if names is None else names))

    def _open(self, entry: PanelEntry) -> Panel:
        image = _map(self.folder / f"{entry.name}_image.npy")
        target = _map(self.folder / f"{entry.name}_target.npy")
        valid = _map(self.folder / f"{entry.name}_valid.npy") if entry.has_valid else None
        if image.shape != entry.shape:
            raise DataError(f"{entry.name}_image.npy has shape {image.shape}, the index says {entry.shape}")
        return Panel(entry.name, entry.group, image, target, valid)


def _map(path: Path) -> NDArray[np.uint8]:
    try:
        array: NDArray[np.uint8] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as a plain array ({error}); build the store again") from error
    return array


def read_store(folder: Path) -> PanelStore:
    """Open a store.

    Parameters
    ----------
    folder : Path
        Folder with ``index.json``.

    Returns
    -------
    PanelStore
        The store; panels are opened on demand.

    Raises
    ------
    DataError
        If the index is missing, damaged, of another schema or empty.
    """
    path = folder / "index.json"
    if not path.is_file():
        raise DataError(f"{folder} is not a panel store: index.json is missing; make one with graven prepare")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content["schema"]
        origin = dict(content["origin"])
        entries = tuple(PanelEntry(**{**entry, "shape": tuple(entry["shape"])}) for entry in content["panels"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); build the store again") from error
    if schema != STORE_SCHEMA:
        raise DataError(f"{path} has schema {schema!r}, this graven reads {STORE_SCHEMA}; build the store again")
    if not entries:
        raise DataError(f"{folder} holds no panels; training needs at least one")
    return PanelStore(folder, origin, entries)


def write_store(
    folder: Path,
    panels: Iterable[tuple[str, str, ReadPanel]],
    *,
    origin: dict[str, Any],
    on_panel: Callable[[PanelEntry], None] | None = None,
) -> PanelStore:
    """Write a store panel by panel; an interrupted one continues where it stopped.

    Parameters
    ----------
    folder : Path
        Made if needed. Entries of panels already there are kept when `origin` is the same.
    panels : iterable of (name, group, read)
        ``read()`` gives image (C, H, W) uint8, truth (H, W), bool or class numbers, and valid mask or None; it is
        called only for panels that are not there yet.
    origin : dict
        JSON-ready: what the panels are made from. A store of another origin is refused.
    on_panel : callable, optional
        Called with the entry of each finished panel.

    Returns
    -------
    PanelStore
        The finished store.

    Raises
    ------
    MismatchError
        If the folder holds a store of another origin.
    InputError
        If there are no panels, or two have one name.
    OutputError, DiskFull
        If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    origin = json.loads(json.dumps(origin))
    done: dict[str, PanelEntry] = {}
    if (folder / "index.json").is_file():
        store = read_store(folder)
        if store.origin != origin:
            raise MismatchError(f"{folder} holds panels made from something else; choose another folder or remove it")
        done = {entry.name: entry for entry in store.entries}
    entries: dict[str, PanelEntry] = {}
    for name, group, read in panels:
        if name in entries:
            raise InputError(f"two panels are named {name!r}; names must be unique within a store")
        if name not in done:
            done[name] = _write_panel(folder, name, group, read)
            _write_index(folder, origin, done.values())
        entries[name] = done[name]
        if on_panel is not None:
            on_panel(entries[name])
    if not entries:
        raise InputError("a panel store needs at least one panel, got none")
    _write_index(folder, origin, entries.values())
    return read_store(folder)


def _write_panel(folder: Path, name: str, group: str, read: ReadPanel) -> PanelEntry:
    image, target, valid = read()
    panel = Panel(name, group, image, target, valid)
    everything_valid = valid is None or bool(valid.all())
    arrays = {"image": np.ascontiguousarray(image), "target": target.astype(np.uint8)}
    if not everything_valid and valid is not None:
        arrays["valid"] = valid.astype(np.uint8)
    digest = hashlib.sha256()
    for part, array in arrays.items():
        digest.update(array.tobytes())
        with atomic_path(folder / f"{name}_{part}.npy") as temporary:
            np.save(temporary, array, allow_pickle=False)
    known = target if valid is None else target[valid]
    share = float(np.mean(known > 0)) if known.size else 0.0
    bands, height, width = panel.image.shape
    return PanelEntry(name, group, (bands, height, width), share, not everything_valid, digest.hexdigest())


def _write_index(folder: Path, origin: dict[str, Any], entries: Iterable[PanelEntry]) -> None:
    content = {"schema": STORE_SCHEMA, "origin": origin, "panels": [asdict(entry) for entry in entries]}
    write_text_atomic(folder / "index.json", json.dumps(content, indent=1) + "\n")


def band_statistics(panels: Iterable[Panel]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every band over all valid pixels.

    Parameters
    ----------
    panels : iterable of Panel
        At least one valid pixel in all.

    Returns
    -------
    mean, std : tuple of float, 0 to 255
        One per band; from exact integer histograms, so independent of the order of the panels.

    Raises
    ------
    InputError
        If no pixel is valid, or a band is constant.

    Examples
    --------
    >>> image = np.array([[[0, 0, 10, 10]]], np.uint8)
    >>> band_statistics([Panel("a", "a", image, np.zeros((1, 4), bool))])
    ((5.0,), (5.0,))
    """
    histogram: NDArray[np.int64] | None = None
    for panel in panels:
        pixels = panel.image.reshape(panel.image.shape[0], -1)
        if panel.valid is not None:
            pixels = pixels[:, np.asarray(panel.valid, bool).ravel()]
        counts = np.stack([np.bincount(band, minlength=256) for band in pixels])
        histogram = counts if histogram is None else histogram + counts
    if histogram is None or not histogram[0].sum():
        raise InputError("statistics need at least one valid pixel, got none; check the valid masks")
    values = np.arange(256, dtype=np.float64)
    n = histogram.sum(axis=1)
    mean = histogram @ values / n
    std = np.sqrt(np.maximum(histogram @ values**2 / n - mean**2, 0))
    if (std < 1e-6).any():
        raise InputError(f"band {int(np.argmin(std)) + 1} has the same value everywhere; standardising needs variation")
    return tuple(float(v) for v in mean), tuple(float(v) for v in std)


def class_shares(panels: Iterable[Panel], *, n_classes: int) -> tuple[float, ...]:
    """Give the share of every class among all valid pixels.

    Parameters
    ----------
    panels : iterable of Panel
        Their truth holds class numbers.
    n_classes : int
        The background included.

    Returns
    -------
    tuple of float, 0 to 1
        One per class, the background first; they sum to 1, and all are 0 where nothing is valid.

    Raises
    ------
    DataError
        If a valid pixel holds a number that is no class.

    Examples
    --------
    >>> image, target = np.zeros((1, 1, 4), np.uint8), np.array([[0, 0, 2, 0]], np.uint8)
    >>> class_shares([Panel("a", "a", image, target)], n_classes=3)
    (0.75, 0.0, 0.25)
    """
    counts = np.zeros(256, np.int64)
    for panel in panels:
        target = np.asarray(panel.target, np.uint8)
        known = target.ravel() if panel.valid is None else target[np.asarray(panel.valid, bool)]
        found = np.bincount(known, minlength=256)
        if found[n_classes:].any():
            odd = n_classes + int(np.flatnonzero(found[n_classes:])[0])
            raise DataError(f"panel {panel.name!r} holds the class {odd}, but there are 0 to {n_classes - 1}")
        counts += found
    total = max(1, int(counts.sum()))
    return tuple(int(count) / total for count in counts[:n_classes])
