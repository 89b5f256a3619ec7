"""What PID 1 forks and may lose, and what only its children load."""
