"""The page of a batch."""

from __future__ import annotations

from graven.report.batch import BatchPage, BatchRow, batch_page


def test_every_image_has_its_line_and_a_link_that_leads_to_its_report() -> None:
    rows = (
        BatchRow("a <b>.tif", "done", 3, 10, 4, 1.25, report="a #b-record/a #b_report.html"),
        BatchRow("c.tif", "failed", message="c.tif: the TIFF is <damaged>"),
    )
    page = batch_page(BatchPage("panels", "petroglyph 1.1", "0.1.0", rows))
    assert '<a href="a%20%23b-record/a%20%23b_report.html">a &lt;b&gt;.tif</a>' in page
    assert "the TIFF is &lt;damaged&gt;" in page
    assert page.count("<a href") == 1
    assert "1 of 2 images" in page
