"""``gnt-filter``: a file per subcommand."""
