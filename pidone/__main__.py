"""`python -m pidone`: a slow start, not isolated from the environment (docs/how-to/starting.md)."""

from pidone.init.main import main

main()
