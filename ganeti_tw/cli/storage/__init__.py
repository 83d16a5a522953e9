"""``gnt-storage``: a file per subcommand."""
