"""Results as pages, tables and pictures, all as strings, bytes or arrays; nothing here touches a file.

`graven.report.figures` draws the figures of studies and is the one module here that loads matplotlib.
"""

from __future__ import annotations

from graven.report.demo import DemoCard, DemoPage, DemoStep, demo_page
from graven.report.evaluate import (
    EvaluationOverlay,
    EvaluationReport,
    EvaluationRow,
    defined_score,
    evaluation_picture,
    evaluation_report,
    evaluation_rows,
)
from graven.report.overlays import evaluation_overlay, outline_overlay
from graven.report.overview import overview, overview_factor
from graven.report.pitoti import pitoti_rows
from graven.report.segment import segment_report
from graven.report.tables import csv_table, markdown_table, text_table
from graven.report.values import (
    DamageSheet,
    GateSummary,
    MeasureBox,
    MethodBox,
    OutputFile,
    RotationNote,
    SegmentReport,
    SizeRow,
    Source,
)

__all__ = [
    "DamageSheet",
    "DemoCard",
    "DemoPage",
    "DemoStep",
    "EvaluationOverlay",
    "EvaluationReport",
    "EvaluationRow",
    "GateSummary",
    "MeasureBox",
    "MethodBox",
    "OutputFile",
    "RotationNote",
    "SegmentReport",
    "SizeRow",
    "Source",
    "csv_table",
    "demo_page",
    "evaluation_overlay",
    "evaluation_report",
    "defined_score",
    "evaluation_picture",
    "evaluation_rows",
    "markdown_table",
    "outline_overlay",
    "overview",
    "overview_factor",
    "pitoti_rows",
    "segment_report",
    "text_table",
]
