"""`pidonectl`: one module a subcommand."""
