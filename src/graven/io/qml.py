"""QGIS style of a class raster, so that it opens with its colours and names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from graven.types.labels import ClassTable

__all__ = ["class_style"]


def class_style(classes: ClassTable) -> str:
    """Describe a paletted raster renderer.

    Parameters
    ----------
    classes : ClassTable
        Names and colours; background and nodata are drawn transparent.

    Returns
    -------
    str
        Text of a ``.qml`` file.
    """
    entries = ['        <paletteEntry value="0" color="#ffffff" alpha="0" label="background"/>']
    for entry in classes.classes:
        look = f'value="{entry.id}" color="{entry.color.lower()}" alpha="255"'
        entries.append(f"        <paletteEntry {look} label={quoteattr(entry.name)}/>")
    listed = "\n".join(entries)
    return f"""<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.28" styleCategories="Symbology">
  <pipe>
    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">
      <rasterTransparency/>
      <colorPalette>
{listed}
      </colorPalette>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" colorizeOn="0" grayscaleMode="0"/>
    <rasterresampler maxOversampling="2"/>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
"""
