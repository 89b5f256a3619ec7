"""`pidonectl`: one module for each subcommand."""
