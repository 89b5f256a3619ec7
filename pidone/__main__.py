"""`python -m pidone`: the slow way to start, and not isolated from the environment; see docs/how-to/starting.md."""

from pidone.init.main import main

main()
