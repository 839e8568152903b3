"""Plain-array code that metrics and stages share; its loops are compiled when they are first called."""
