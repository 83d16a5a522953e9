"""``gnt-node``: a file per subcommand."""
