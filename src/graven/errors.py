"""What can go wrong, as one tree; every leaf carries the exit code of the command line.

::

    GravenError                     70  (never raised itself)
    ├── UsageError                   1  options or arguments that cannot be obeyed
    │   ├── InputError               1  a value handed to a function is wrong (also a ValueError)
    │   └── MissingExtra             1  an optional dependency is not installed
    ├── DataError                    2  a file is not what it must be
    │   ├── FormatRefused            2  a kind of file that graven does not open, whatever its name says
    │   ├── ImageDamaged             2  truncated, corrupt, or contradicting its own header
    │   ├── ImageTooLarge            2  larger than the stated limits, found in the header
    │   ├── MismatchError            2  two inputs that do not belong together (size, CRS, bands)
    │   ├── ScaleError               2  a millimetre was asked for and no scale is known, or it is far off
    │   ├── UnsafeModel              2  a checkpoint that could run code
    │   └── TrainingCollapsed        2  training that cannot succeed as it stands, with the reason
    ├── PartialFailure               3  some items of many were skipped
    ├── ResourceError                4  the machine has not enough of something
    │   ├── DiskFull                 4
    │   ├── OutOfMemory              4
    │   └── OutputError              4  a file could not be written or verified
    ├── DefectError                 70  graven contradicts itself; please report
    └── Interrupted                130  stopped by the user; can be resumed

A message is one line: what was expected, what came, what to do.
"""

from __future__ import annotations

__all__ = [
    "DataError",
    "DefectError",
    "DiskFull",
    "FormatRefused",
    "GravenError",
    "ImageDamaged",
    "ImageTooLarge",
    "InputError",
    "Interrupted",
    "MismatchError",
    "MissingExtra",
    "OutOfMemory",
    "OutputError",
    "PartialFailure",
    "ResourceError",
    "ScaleError",
    "TrainingCollapsed",
    "UnsafeModel",
    "UsageError",
]


class GravenError(Exception):
    """Base of all errors that graven raises on purpose.

    Attributes
    ----------
    exit_code : int
        What the command line returns.
    """

    exit_code: int = 70


class UsageError(GravenError):
    """Options or arguments that cannot be obeyed."""

    exit_code = 1


class InputError(UsageError, ValueError):
    """A value handed to a function is outside its contract."""


class MissingExtra(UsageError):
    """An optional dependency is not installed; the message names the extra."""


class DataError(GravenError):
    """A file is not what it must be."""

    exit_code = 2


class FormatRefused(DataError):
    """A kind of file that graven does not open, whatever its name says."""


class ImageDamaged(DataError):
    """A file that is truncated, corrupt, or contradicts its own header."""


class ImageTooLarge(DataError):
    """An image beyond the stated limits, found in its header before decoding."""


class MismatchError(DataError):
    """Two inputs that do not belong together."""


class ScaleError(DataError):
    """A metric quantity was asked for and the scale is unknown or far off."""


class UnsafeModel(DataError):
    """A checkpoint that could run code when opened."""


class TrainingCollapsed(DataError):
    """Training cannot succeed as it stands; the message gives the reason."""


class PartialFailure(GravenError):
    """Some items of many were skipped; the rest is complete."""

    exit_code = 3


class ResourceError(GravenError):
    """The machine has not enough of something."""

    exit_code = 4


class DiskFull(ResourceError):
    """No space, quota or inode left while writing; the target is unchanged."""


class OutOfMemory(ResourceError):
    """An allocation failed or would exceed the memory limit."""


class OutputError(ResourceError):
    """A file could not be written, or did not read back as it was written."""


class DefectError(GravenError):
    """Graven contradicts itself; the message says how to report it."""


class Interrupted(GravenError):
    """Stopped by the user at a point from which the work can be resumed."""

    exit_code = 130
