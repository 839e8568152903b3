"""Code blocks of the documentation that are marked as runnable do run, and print what the page says.

A block is marked by the comment ``<!-- run -->`` on the line above its fence. Blocks of one page share a namespace and
an empty working folder. In a ``python`` block lines with ``>>>`` are compared as doctests, other blocks only run. In a
``console`` block every line with ``$`` must leave with 0, and what the page shows below must be what is printed, with
``...`` for any text.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^<!-- run -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def pages() -> list[str]:
    candidates = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        str(path.relative_to(ROOT))
        for path in candidates
        if "_build" not in path.parts and "<!-- run -->" in path.read_text(encoding="utf-8")
    ]


def run_python(source: str, names: dict[str, Any], where: str) -> None:
    if ">>>" not in source:
        exec(compile(source, where, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(source, names, where, where, 0)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report: list[str] = []
    # The test copies its names; the page goes on with them.
    runner.run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def run_console(source: str, folder: Path, where: str) -> None:
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for step in re.split(r"^\$ ", source, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{where}: {command}\n{done.stderr}"
        if expected.strip():
            matches = doctest.OutputChecker().check_output(expected, done.stdout, FLAGS)
            assert matches, f"{where}: {command}\nthe page shows\n{expected}\nprinted was\n{done.stdout}"


def run_page(text: str, folder: Path, where: str) -> int:
    """Run the marked blocks of one page; give their number."""
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = BLOCK.findall(text)
    for number, (language, source) in enumerate(blocks, start=1):
        if language == "python":
            run_python(source, names, f"{where}, block {number}")
        else:
            assert language == "console", f"{where}: a runnable block is python or console, not {language}"
            run_console(source, folder, f"{where}, block {number}")
    return len(blocks)


@pytest.mark.parametrize("page", pages())
def test_marked_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    assert run_page(text, tmp_path, page) == text.count("<!-- run -->"), "a mark without a block below it"


@pytest.mark.parametrize(
    "block",
    [
        "```python\nx = 1\n```\n\n<!-- run -->\n```python\nassert x == 2\n```",
        "```python\n>>> x = 1\n>>> x + 1\n3\n```",
        "```console\n$ exit 3\n```",
        "```console\n$ echo rock\npaper\n```",
    ],
)
def test_wrong_block_is_noticed(block: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run_page(f"<!-- run -->\n{block}\n", tmp_path, "page")


def test_blocks_of_a_page_share_names_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (
        "<!-- run -->\n```python\nfrom pathlib import Path\nn = Path('a.txt').write_text('rock')\n```\n\n"
        "<!-- run -->\n```python\n>>> n\n4\n>>> m = n + 1\n```\n\n"
        "<!-- run -->\n```python\nassert m == 5\n```\n\n"
        "<!-- run -->\n```console\n$ cat a.txt; echo; echo art\nrock\n...\n```\n"
    )
    assert run_page(page, tmp_path, "page") == 4
