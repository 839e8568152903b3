"""Compiled loops over plain arrays that metrics and stages share; each is compiled when it is first called."""
