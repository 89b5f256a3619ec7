"""Probes that are asked from outside of the process: one file a kind."""
