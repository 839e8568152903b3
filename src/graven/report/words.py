"""The words of a record, per method: plain ones, for a reader who looks after objects and not after software."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graven.types import Method

__all__ = ["OPENS", "WORDS", "FileGuide", "Words"]


@dataclass(frozen=True, slots=True)
class Words:
    """How a report speaks of one method's subject.

    Attributes
    ----------
    kicker : str
        Kind of record, above the title.
    one, many : str
        What an object is called.
    mark : str
        What the model looks for, in a sentence.
    ground : str
        What bears the marks.
    how : str
        How the method works, in a few sentences.
    picture : str
        What shows the whole of it.
    handed_in : str
        How that picture came about.
    """

    kicker: str
    one: str
    many: str
    mark: str
    ground: str
    how: str
    picture: str = "photograph"
    handed_in: str = "The whole picture as it was handed in"


WORDS: Mapping[Method, Words] = {
    "petroglyph": Words(
        "Rock art record · petroglyph tracing",
        "figure",
        "figures",
        "pecked rock",
        "panel",
        "A neural network was trained on pictures of rock in which every pecked point was known. Here it judged each "
        "point of the picture by what surrounds it. Neighbouring points at or above the threshold were joined to "
        "figures, and their outlines, areas and sizes were taken from the points. One figure here is one connected "
        "patch of pecking: two drawings that touch count once, a drawing in separate parts counts several times.",
    ),
    "engraving": Words(
        "Engraving record · tracing",
        "mark",
        "marks",
        "an engraved groove",
        "surface",
        "A neural network was trained on height maps of engraved surfaces in which every groove was known. Here it "
        "judged each point of the height map by what surrounds it, and points at or above the threshold were joined "
        "to marks. The middle lines of the marks were followed and their widths taken from the points.",
        "shaded relief",
        "The whole height map, shaded as if lit from the upper left",
    ),
    "condition": Words(
        "Condition record · damage map",
        "object",
        "objects",
        "damage",
        "surface",
        "A neural network was trained on photographs of painted surfaces in which cracks and losses had been marked. "
        "Here it judged each point of the photograph by what surrounds it, and points of one class were joined to "
        "objects. Cracks became lines between the places where they end, bend and meet, and their widths were measured "
        "across these lines: in the photograph where it shows the crack plainly, else in what the network said. Losses "
        "became areas.",
    ),
    "relief": Words(
        "Relief record · classes",
        "region",
        "regions",
        "a class of the relief",
        "relief",
        "A neural network was trained on reliefs whose depth was known. Here it judged each point of the photograph by "
        "what surrounds it, and points of one class were joined to regions.",
    ),
}


@dataclass(frozen=True, slots=True)
class FileGuide:
    """What a file of an output folder holds and which programs open it, by the end of its name."""

    endings: tuple[tuple[str, str, str], ...]

    def describe(self, name: str) -> tuple[str, str]:
        """Give ``(what it holds, what opens it)``; a dash for a file that the table does not know.

        Examples
        --------
        >>> OPENS.describe("panel_traces.gpkg")[1], OPENS.describe("panel_traces.px.geojson")[1]
        ('QGIS, ArcGIS', 'QuPath, text editor')
        """
        return next(((holds, opens) for ending, holds, opens in self.endings if name.endswith(ending)), ("–", "–"))


OPENS = FileGuide(
    (
        ("_mask.tif", "Class of every pixel, full size", "QGIS, ArcGIS, image programs"),
        ("_prob.tif", "Probability of every pixel, full size", "QGIS, ArcGIS, image programs"),
        ("_height.tif", "Height of every pixel towards the viewer", "QGIS, ImageJ, MountainsMap, image programs"),
        ("_normals.tif", "Direction of the surface in every pixel (x right, y up)", "QGIS, Blender, Python"),
        ("_albedo.tif", "Brightness of the material without light and shade", "QGIS, ImageJ, image programs"),
        ("_residual.tif", "What the computed surface leaves unexplained", "QGIS, ImageJ, Python"),
        (".gpkg", "All outlines with their measures (the master copy)", "QGIS, ArcGIS"),
        (".px.geojson", "The same outlines in pixels of the picture", "QuPath, text editor"),
        (".geojson", "The same outlines for web maps", "QGIS, web maps, text editor"),
        (".svg", "Drawing with one layer per class", "Inkscape, Illustrator, web browser"),
        (".dxf", "Drawing for CAD", "AutoCAD, QCAD, LibreCAD"),
        ("lights.csv", "Table of the lights", "Excel, LibreOffice, R, Python"),
        (".lp", "Directions of the lights", "RTIBuilder, Relight, text editor"),
        ("totals.csv", "Table of sums and means over the whole picture", "Excel, LibreOffice, R, Python"),
        ("_sizes.csv", "Table of damage by class and size", "Excel, LibreOffice, R, Python"),
        ("_rose.csv", "Table of crack length by direction", "Excel, LibreOffice, R, Python"),
        ("_networks.csv", "Table of the networks of cracks", "Excel, LibreOffice, R, Python"),
        ("_islands.csv", "Table of the islands between cracks", "Excel, LibreOffice, R, Python"),
        ("_style.csv", "Table of the figures behind the kind of craquelure", "Excel, LibreOffice, R, Python"),
        (".csv", "Table of all measures", "Excel, LibreOffice, R, Python"),
        ("_report.html", "Printable record of one picture", "web browser; can be printed"),
        ("run.json", "Full settings, versions and timings of the run", "text editor"),
        (".qml", "Colours and class names for QGIS", "QGIS (loaded by itself)"),
        (".tif", "Raster, full size", "QGIS, ArcGIS, image programs"),
        (".png", "Picture", "any image program"),
        (".json", "Data", "text editor"),
        (".md", "Text", "text editor"),
    )
)
