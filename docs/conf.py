"""How the documentation is built: `make docs`. Nothing is fetched while building."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from graven import __version__
from graven.cli.main import app

project = "graven"
author = "The graven authors"
copyright = "2026, The graven authors"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "reference/generated/graven._*"]

html_theme = "furo"
html_title = f"graven {__version__}"
html_copy_source = False

myst_enable_extensions = ["deflist", "dollarmath", "colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the signature shows them; numpydoc describes shape, unit and range
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def write_command_line(_: object) -> None:
    """Write the help of every verb as one page, so that the page cannot say anything else than the program."""
    verbs = sorted(command.callback.__name__ for command in app.registered_commands if command.callback)
    groups = sorted(group.name for group in app.registered_groups if group.name)
    page = ["# Command line", "", "*For everyone.* This is what `graven --help` and `graven VERB --help` print.", ""]
    for verb in ["", *verbs, *groups]:
        page += [f"## graven {verb}".rstrip(), "", "```text", help_text(verb), "```", ""]
    target = Path(__file__).parent / "reference" / "generated" / "command-line.md"
    target.parent.mkdir(exist_ok=True)
    text = "\n".join(page)
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def help_text(verb: str) -> str:
    """Give what the program prints, at a width that a page holds."""
    code = "import sys; from graven.cli.main import run; run(sys.argv[1:])"
    command = [sys.executable, "-c", code, *([verb] if verb else []), "--help"]
    env = {**os.environ, "COLUMNS": "96", "TERM": "dumb", "NO_COLOR": "1"}
    shown = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    return shown.replace("Usage: -c", "Usage: graven").strip()


def setup(sphinx: object) -> None:
    """Called by Sphinx."""
    sphinx.connect("builder-inited", write_command_line)
