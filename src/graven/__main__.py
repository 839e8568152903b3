"""``python -m graven``: the command line, where the script ``graven`` is not on the path."""

from __future__ import annotations

from graven.cli.main import run

if __name__ == "__main__":
    run()
