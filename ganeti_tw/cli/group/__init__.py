"""``gnt-group``: a file per subcommand."""
