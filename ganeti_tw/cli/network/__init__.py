"""``gnt-network``: a file per subcommand."""
