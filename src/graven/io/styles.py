"""How classes look in QGIS vector layers and on paper: colours, hatches, line types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from graven.types import ClassDefinition, ClassTable

__all__ = ["LOOKS", "island_style", "node_style", "surface_style", "svg_hatch", "vector_style"]

LOOKS: dict[str, tuple[str, str]] = {
    "solid": ("solid", '<rect width="{s}" height="{s}" fill="black"/>'),
    "diagonal": ("f_diagonal", '<path d="M0 {s}L{s} 0" {line}/>'),
    "cross": ("diagonal_x", '<path d="M0 {s}L{s} 0M0 0L{s} {s}" {line}/>'),
    "dots": ("dense5", '<circle cx="{h}" cy="{h}" r="{q}" fill="black"/>'),
    "horizontal": ("horizontal", '<path d="M0 {h}H{s}" {line}/>'),
}
"""Of each hatch of `graven.types.labels`: fill style of QGIS, and the cell of an SVG pattern of side ``s``."""


_MARKERS = {"I": "circle", "O": "square", "Y": "triangle", "X": "cross2"}
"""Kind of a node of cracks → marker of QGIS."""


def svg_hatch(entry: ClassDefinition, *, size: float) -> str:
    """Draw the hatch of a class as an SVG pattern, black for print.

    Parameters
    ----------
    entry : ClassDefinition
        The class.
    size : float, user units
        Side of the repeated cell.

    Returns
    -------
    str
        A ``<pattern>`` element with id ``hatch-<class id>``.
    """
    s, h, q = (f"{value:.4g}" for value in (size, size / 2, size / 5))
    line = f'fill="none" stroke="black" stroke-width="{size / 8:.4g}"'
    cell = LOOKS[entry.hatch][1].format(s=s, h=h, q=q, line=line)
    return f'<pattern id="hatch-{entry.id}" patternUnits="userSpaceOnUse" width="{s}" height="{s}">{cell}</pattern>'


def vector_style(classes: ClassTable, geometry: Literal["area", "line"]) -> str:
    """Describe a QGIS layer style with one category per class.

    Parameters
    ----------
    classes : ClassTable
        Names, colours and hatches.
    geometry : {"area", "line"}
        What the layer holds.

    Returns
    -------
    str
        QML for the column ``styleQML`` of ``layer_styles``.
    """
    draw = _area_symbol if geometry == "area" else _line_symbol
    found = [(str(entry.id), entry.name, draw(index, entry)) for index, entry in enumerate(classes.classes)]
    return _categorized("class_id", "integer", found)


def node_style() -> str:
    """Describe a QGIS layer style of the nodes of cracks: a black marker for each kind.

    Returns
    -------
    str
        As `vector_style`.
    """
    looks = {
        kind: {
            "name": marker,
            "color": "255,255,255,255",
            "outline_color": "0,0,0,255",
            "outline_width": "0.3",
            "outline_width_unit": "MM",
            "size": "2",
            "size_unit": "MM",
        }
        for kind, marker in _MARKERS.items()
    }
    found = [
        (kind, kind, _symbol(index, "marker", "SimpleMarker", look)) for index, (kind, look) in enumerate(looks.items())
    ]
    return _categorized("kind", "string", found)


def island_style() -> str:
    """Describe a QGIS layer style of islands: an outline, dashed where an island is open.

    Returns
    -------
    str
        As `vector_style`.
    """
    look = {"style": "no", "outline_color": "80,80,80,255", "outline_width": "0.2", "outline_width_unit": "MM"}
    found = [
        (str(index), label, _symbol(index, "fill", "SimpleFill", look | {"outline_style": line}))
        for index, (label, line) in enumerate((("closed", "solid"), ("open", "dash")))
    ]
    return _categorized("is_open", "integer", found)


def surface_style() -> str:
    """Describe a QGIS layer style of the surface that was looked at: a dotted outline.

    Returns
    -------
    str
        As `vector_style`.
    """
    look = {
        "style": "no",
        "outline_color": "0,0,0,255",
        "outline_style": "dot",
        "outline_width": "0.3",
        "outline_width_unit": "MM",
    }
    return _categorized("kind", "string", [("analysed", "analysed surface", _symbol(0, "fill", "SimpleFill", look))])


def _categorized(column: str, kind: str, found: list[tuple[str, str, str]]) -> str:
    """Put value, label and symbol of each category of a column into a style."""
    listed = "\n".join(
        f'      <category symbol="{index}" value="{value}" label={quoteattr(label)} render="true" type="{kind}"/>'
        for index, (value, label, _) in enumerate(found)
    )
    drawn = "\n".join(symbol for _, _, symbol in found)
    return f"""<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.28" styleCategories="Symbology">
  <renderer-v2 type="categorizedSymbol" attr="{column}" symbollevels="0" enableorderby="0" forceraster="0">
    <categories>
{listed}
    </categories>
    <symbols>
{drawn}
    </symbols>
  </renderer-v2>
  <blendMode>0</blendMode>
  <featureBlendMode>0</featureBlendMode>
</qgis>
"""


def _area_symbol(index: int, entry: ClassDefinition) -> str:
    color = ",".join(map(str, entry.rgb))
    return _symbol(
        index,
        "fill",
        "SimpleFill",
        {
            "color": f"{color},140",
            "style": LOOKS[entry.hatch][0],
            "outline_color": f"{color},255",
            "outline_style": "solid",
            "outline_width": "0.26",
            "outline_width_unit": "MM",
        },
    )


def _line_symbol(index: int, entry: ClassDefinition) -> str:
    look = {
        "line_color": f"{','.join(map(str, entry.rgb))},255",
        "line_style": "solid",
        "line_width": "0.5",
        "line_width_unit": "MM",
        "capstyle": "round",
        "joinstyle": "round",
    }
    return _symbol(index, "line", "SimpleLine", look)


def _symbol(index: int, kind: str, layer: str, options: dict[str, str]) -> str:
    listed = "".join(f'<Option name="{name}" value="{value}" type="QString"/>' for name, value in options.items())
    return (
        f'      <symbol name="{index}" type="{kind}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="{layer}" enabled="1" locked="0" pass="0"><Option type="Map">{listed}</Option></layer></symbol>'
    )
