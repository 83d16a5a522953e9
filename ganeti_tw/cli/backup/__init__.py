"""``gnt-backup``: a file per subcommand."""
