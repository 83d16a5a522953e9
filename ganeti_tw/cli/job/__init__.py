"""``gnt-job``: a file per subcommand."""
