"""From a mask to figures: components, polygons, centre-lines, measures and their uncertainties.

Everything here takes plain arrays or window readers, never files, and holds runs and outlines instead of pixels, so
memory grows with what is drawn on the rock and not with the size of the panel.
"""
