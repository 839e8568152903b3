"""What graven's speed and memory are measured with, and the pages that show it: `python -m benchmarks.run`."""
