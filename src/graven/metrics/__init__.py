"""Metrics in NumPy: counts first, then the score; sums of counts give pooled scores."""

from __future__ import annotations

from graven.metrics.aggregate import per_image_mean, per_panel, pooled, total
from graven.metrics.binary import (
    accuracy,
    dsc,
    f1,
    false_alarm_rate_pitoti,
    iou,
    iou_background,
    miou,
    precision,
    recall,
)
from graven.metrics.boundary import boundary_counts, boundary_f1
from graven.metrics.counts import BinaryCounts, MatchCounts, binary_counts, confusion_matrix
from graven.metrics.effort import (
    gain_ratio,
    improvement_curve,
    mean_by_record,
    relative_improvement,
    rolling_mean,
    running_maximum_drop,
    share_of_records,
    workload_reduction,
)
from graven.metrics.multiclass import MultiClassScores, multiclass_scores
from graven.metrics.pitoti import PitotiScores, binarise_mid_range, pitoti_mean, pitoti_overall, pitoti_scores
from graven.metrics.pseudo import pseudo_counts, pseudo_fmeasure
from graven.metrics.pseudo_weighted import WeightedCounts, weighted_counts, weighted_pseudo_fmeasure
from graven.metrics.scores import score_masks
from graven.metrics.tolerance import f1_at_tolerance, tolerance_counts
from graven.metrics.topology import cldice, cldice_counts

__all__ = [
    "BinaryCounts",
    "MatchCounts",
    "MultiClassScores",
    "PitotiScores",
    "WeightedCounts",
    "accuracy",
    "binarise_mid_range",
    "binary_counts",
    "boundary_counts",
    "boundary_f1",
    "cldice",
    "cldice_counts",
    "confusion_matrix",
    "dsc",
    "f1",
    "f1_at_tolerance",
    "false_alarm_rate_pitoti",
    "gain_ratio",
    "improvement_curve",
    "iou",
    "iou_background",
    "mean_by_record",
    "miou",
    "multiclass_scores",
    "per_image_mean",
    "per_panel",
    "pitoti_mean",
    "pitoti_overall",
    "pitoti_scores",
    "pooled",
    "precision",
    "pseudo_counts",
    "pseudo_fmeasure",
    "recall",
    "relative_improvement",
    "rolling_mean",
    "running_maximum_drop",
    "score_masks",
    "share_of_records",
    "tolerance_counts",
    "total",
    "weighted_counts",
    "weighted_pseudo_fmeasure",
    "workload_reduction",
]
