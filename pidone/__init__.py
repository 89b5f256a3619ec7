"""pidone: a Pod in one container. PID 1 for a declared group of processes."""

__version__ = "0.5.0"
