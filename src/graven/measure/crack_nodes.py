"""The nodes of a network of cracks, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graven.measure.crack_totals import network_of

if TYPE_CHECKING:
    from graven.measure.crack_graph import CrackGraph

__all__ = ["CrackNode", "crack_nodes"]


@dataclass(frozen=True, slots=True)
class CrackNode:
    """Where cracks end, bend or meet.

    Attributes
    ----------
    x, y : float, pixels
        From the outer corner of the top-left pixel.
    kind : str
        One of `graven.measure.crack_graph.NODE_KINDS`.
    degree : int
        Ends of cracks that meet there; 2 for a bend.
    network : int
        Number of the network it belongs to, from 1.
    contact : str
        For a free end what it runs into: ``border``, ``other`` (a loss) or nothing; empty for other nodes.
    """

    x: float
    y: float
    kind: str
    degree: int
    network: int
    contact: str


def crack_nodes(graph: CrackGraph) -> tuple[CrackNode, ...]:
    """List the nodes of a graph.

    Parameters
    ----------
    graph : CrackGraph
        The cracks.

    Returns
    -------
    tuple of CrackNode
        In the order of the graph. Networks are numbered as in `graven.measure.crack_measures.CrackSurvey`.
    """
    network = np.zeros(len(graph.node_xy), np.int64)
    of_crack = network_of(graph) + 1
    if len(graph.bend_crack):
        network[-len(graph.bend_crack) :] = of_crack[graph.bend_crack]
    network[graph.start], network[graph.end] = of_crack, of_crack
    rows = zip(graph.node_xy.tolist(), graph.node_kind, graph.node_degree, network, graph.node_contact, strict=True)
    return tuple(
        CrackNode(x, y, str(kind), int(degree), int(number), str(contact))
        for (x, y), kind, degree, number, contact in rows
    )
