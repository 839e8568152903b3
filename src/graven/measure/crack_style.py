"""Kind of craquelure: figures that tell patterns apart, and a word only where they are clear.

After the features by which connoisseurs sort cracks (Bucklow, The description of craquelure patterns, Studies in
Conservation 42, 1997): whether there is a main direction, whether the cracks are connected, how the islands are shaped,
whether cracks are smooth. The bounds below are ours: they hold well apart what is drawn as one of the patterns, and no
study has yet fitted them to paintings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graven.types import Measure

if TYPE_CHECKING:
    from graven.measure.crack_measures import CrackSurvey

__all__ = ["CraquelureStyle", "craquelure_style"]

StyleName = Literal["net", "parallel", "wood-grain", "random", "undetermined"]

_LEAST_CRACKS = 10
_DIRECTED, _UNDIRECTED = 0.6, 0.35  # resultant of directions, at least and at most
_LONG = 2.5  # median elongation of islands
_CLOSED, _BROKEN = 0.25, 0.05  # share of the surface in closed islands, at least and at most
_CONNECTED, _FREE = 0.6, 0.6  # share of nodes that are branchings or crossings, and that are free ends, at least
_SOME_CONNECTED = 0.4


@dataclass(frozen=True, slots=True)
class CraquelureStyle:
    """What the pattern of cracks is like.

    Attributes
    ----------
    name : {"net", "parallel", "wood-grain", "random", "undetermined"}
        The pattern where the figures are clear.
    reason : str
        The figures that decided, in words.
    measures : dict of str to Measure
        See `craquelure_style`.
    """

    name: StyleName
    reason: str
    measures: dict[str, Measure]


def craquelure_style(survey: CrackSurvey, islands: dict[str, Measure]) -> CraquelureStyle:
    """Describe the pattern of cracks.

    Parameters
    ----------
    survey : CrackSurvey
        The cracks of a panel.
    islands : dict of str to Measure
        What `graven.measure.islands.island_totals` says of their islands.

    Returns
    -------
    CraquelureStyle
        With the measures ``share_I``, ``share_Y``, ``share_X`` (of free ends, branchings and crossings; ends at the
        border of the picture or at a loss are left out), ``direction_resultant``, ``tortuosity``, ``island_share``,
        ``island_elongation`` and ``island_solidity``, as far as there are any.

    Notes
    -----
    ``net``
        No main direction, branchings and crossings prevail, islands are closed.
    ``parallel``
        A main direction, free ends prevail.
    ``wood-grain``
        A main direction, cracks are connected, islands are long.
    ``random``
        No main direction, free ends prevail, next to no island is closed.
    ``undetermined``
        Fewer than ten cracks, or anything else.
    """
    totals = survey.measures
    free = totals["n_nodes_I"].value - totals["n_ends_at_border"].value - totals["n_ends_at_other"].value
    counts = {"I": free, "Y": totals["n_nodes_Y"].value, "X": totals["n_nodes_X"].value}
    n_nodes = sum(counts.values())
    measures = {f"share_{kind}": Measure(count / n_nodes, "") for kind, count in counts.items() if n_nodes}
    for source in (totals, islands):
        for name in ("direction_resultant", "tortuosity", "island_share", "island_elongation", "island_solidity"):
            if name in source:
                measures[name] = source[name]
    if totals["n_cracks"].value < _LEAST_CRACKS or not n_nodes:
        return CraquelureStyle("undetermined", f"fewer than {_LEAST_CRACKS} cracks, or no node", measures)
    name, reason = _judge({key: measure.value for key, measure in measures.items()})
    return CraquelureStyle(name, reason, measures)


def _judge(value: dict[str, float]) -> tuple[StyleName, str]:
    resultant, closed = value["direction_resultant"], value.get("island_share", 0.0)
    connected, free = value["share_Y"] + value["share_X"], value["share_I"]
    said = f"direction {resultant:.2f}, connected nodes {connected:.2f}, closed islands {closed:.2f} of the surface"
    if resultant >= _DIRECTED and free >= _FREE:
        return "parallel", f"a main direction and free ends: {said}"
    if resultant >= _DIRECTED and connected >= _SOME_CONNECTED and value.get("island_elongation", 0.0) >= _LONG:
        return "wood-grain", f"a main direction, connected, with long islands: {said}"
    if resultant <= _UNDIRECTED and connected >= _CONNECTED and closed >= _CLOSED:
        return "net", f"no main direction, connected, with closed islands: {said}"
    if resultant <= _UNDIRECTED and free >= _FREE and closed <= _BROKEN:
        return "random", f"no main direction and free ends: {said}"
    return "undetermined", f"the figures agree with no pattern: {said}"
