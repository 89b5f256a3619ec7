"""What pidone costs, as ratios against its peers in the same run: see README.md and `run`."""
