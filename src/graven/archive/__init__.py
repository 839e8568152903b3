"""Many items, one run each: what is to be done, what has been done, and who does it.

Items are given to the processes of a Dask cluster one by one, every step is written into a manifest, and what a dead
process had in hand is given to another one. What is done with an item arrives as a function.
"""
