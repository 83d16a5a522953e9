"""``gnt-os``: a file per subcommand."""
