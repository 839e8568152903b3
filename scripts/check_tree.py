"""Guard the tracked tree: sizes of files, pictures and bundles, and no path or host of somebody's machine.

Looks at what git tracks or would track (ignored files are not looked at). Prints one line per finding and leaves with
1 if there is any; silent otherwise. Needs nothing but Python and git.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["findings", "main", "places_in", "tracked_files"]

MIB = 2**20
MAX_FILE = MIB
MAX_PICTURE = 300_000
MAX_BUNDLE = 8 * MIB
MAX_BUNDLES = 40 * MIB
MAX_TREE = 56 * MIB
BUNDLES = PurePosixPath("src/graven/bundles")
WEIGHTS = {".onnx", ".safetensors"}
PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"}

# A place on a machine, not a path inside the project; and the places that packages come from.
PLACE = re.compile(
    r"""(?<![\w.$}<>/-])/(?:root|home|work|farm|Users)/\w
      | \b[A-Za-z]:\\Users\\
      | \bfile:///\w
      | \bpypi\.org | pythonhosted\.org | registry\.npmjs\.org | deb\.debian\.org
      | (?:extra-)?index-url[\s=:]+\S | find-links[\s=:]+\S""",
    re.VERBOSE,
)


def tracked_files(root: Path) -> list[PurePosixPath]:
    """List the files that git tracks or would add, relative to `root`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode()
    names = sorted({name for name in listing.split("\0") if name})
    return [PurePosixPath(name) for name in names if (root / name).is_file()]


def places_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, what was found)`` for every machine path or package host in a text."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in PLACE.finditer(line):
            yield number, match.group().strip()


def findings(root: Path, names: Iterable[PurePosixPath]) -> Iterator[str]:
    """Yield one line for everything in the tree that must not be there."""
    total = 0
    bundles: Counter[str] = Counter()
    for name in names:
        content = (root / name).read_bytes()
        size = len(content)
        total += size
        in_bundles = name.is_relative_to(BUNDLES)
        if in_bundles:
            bundles[name.relative_to(BUNDLES).parts[0]] += size
        if size > MAX_FILE and not (in_bundles and name.suffix in WEIGHTS):
            yield f"{name}: {size} bytes; only weights under {BUNDLES} may exceed {MAX_FILE}"
        if name.suffix.lower() in PICTURES and size > MAX_PICTURE:
            yield f"{name}: {size} bytes; a picture may have {MAX_PICTURE}"
        if b"\0" not in content[:8192]:
            for number, found in places_in(content.decode("utf-8", errors="replace")):
                yield f"{name}:{number}: names a machine path or package host: {found}"
    for bundle, size in bundles.items():
        if size > MAX_BUNDLE:
            yield f"{BUNDLES / bundle}: {size} bytes; a bundle may have {MAX_BUNDLE}"
    if bundles.total() > MAX_BUNDLES:
        yield f"{BUNDLES}: {bundles.total()} bytes; all bundles together may have {MAX_BUNDLES}"
    if total > MAX_TREE:
        yield f"the tracked tree has {total} bytes; it may have {MAX_TREE}"


def main() -> int:
    """Check the repository that this script stands in."""
    root = Path(__file__).resolve().parent.parent
    found = list(findings(root, tracked_files(root)))
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
