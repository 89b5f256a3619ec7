"""Measure what pidone costs, against its peers in the same run: see README.md and `run`."""
