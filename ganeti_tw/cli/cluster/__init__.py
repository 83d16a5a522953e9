"""``gnt-cluster``: a file per subcommand."""
