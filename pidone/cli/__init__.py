"""`pidonectl`: its subcommands, and what they share."""
