"""From a template and values to one HTML file: escaped, self-contained, with a policy that forbids every request."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

__all__ = ["Numbers", "render_page"]


def render_page(template: str, values: dict[str, Any]) -> str:
    """Fill a template of this package.

    Parameters
    ----------
    template : str
        File name in ``report/templates``.
    values : dict of str to object
        What the template names. Text is escaped; a name that the template uses and nobody gave is an error.

    Returns
    -------
    str
        A complete HTML document with its style sheet inside. Its content policy allows pictures from data URIs, the
        inline style and the one script that is named by its hash, and nothing else.
    """
    script = _asset("compare.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(values, style=Markup(_asset("style.css")), script=Markup(script), policy=policy)


class Numbers:
    """Running numbers of sections, figures and tables, in the order in which a template asks for them."""

    def __init__(self) -> None:
        self._last = {"section": 0, "figure": 0, "table": 0}

    def __call__(self, kind: str) -> int:
        """Give the next number of a kind."""
        self._last[kind] += 1
        return self._last[kind]


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("graven.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _asset(name: str) -> str:
    """Read a file of this package that goes into the page as it stands."""
    return (files("graven.report") / "templates" / name).read_text(encoding="utf-8")
