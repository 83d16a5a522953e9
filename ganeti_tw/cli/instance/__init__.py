"""``gnt-instance``: a file per subcommand."""
