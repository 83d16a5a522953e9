"""``gnt-debug``: a file per subcommand."""
