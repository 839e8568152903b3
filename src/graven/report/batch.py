"""The page of a batch: what became of each image, with links to the reports."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from graven.report.format import format_count, format_number
from graven.report.page import render_page

__all__ = ["BatchPage", "BatchRow", "batch_page"]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One image.

    Attributes
    ----------
    image : str
        Name of the file.
    status : str
        ``done``, ``failed`` or ``set aside``; anything else has not been reached.
    figures, tiles, skipped : int or None
        Of an image that is done.
    seconds : float or None
        How long it took.
    message : str
        Why it failed.
    report : str or None
        Path of its report relative to the page.
    """

    image: str
    status: str
    figures: int | None = None
    tiles: int | None = None
    skipped: int | None = None
    seconds: float | None = None
    message: str = ""
    report: str | None = None


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Everything `batch_page` prints.

    Attributes
    ----------
    title, model, version : str
        Heading, the model as printed, and the version of graven.
    rows : tuple of BatchRow
        In the order of the batch.
    """

    title: str
    model: str
    version: str
    rows: tuple[BatchRow, ...]


def batch_page(page: BatchPage) -> str:
    """Write the page of a batch as a self-contained HTML page.

    Parameters
    ----------
    page : BatchPage
        Rows and heading.

    Returns
    -------
    str
        HTML 5; equal input gives equal text. The reports that it links to are files beside it.
    """
    rows = [
        {
            "image": row.image,
            "link": None if row.report is None else quote(row.report),
            "status": row.status,
            "cells": [_count(row.figures), _count(row.tiles), _count(row.skipped), _seconds(row.seconds)],
            "message": row.message,
        }
        for row in page.rows
    ]
    n_done = sum(row.status == "done" for row in page.rows)
    values = {
        "page_title": f"{page.title} – batch",
        "generator": f"graven {page.version}",
        "page": page,
        "lead": f"{n_done} of {len(page.rows)} images traced with {page.model}",
        "rows": rows,
    }
    return render_page("batch.html.j2", values)


def _count(value: int | None) -> str:
    return "–" if value is None else format_count(value)


def _seconds(value: float | None) -> str:
    return "–" if value is None else format_number(value, 1)
