"""The ``gnt-*`` commands.

In goes a command line, out come lines on two streams and an exit code.  One
file per subcommand, found by its name: ``gnt-instance add`` is
``instance/add.py``, and only that file is imported when it runs.  Everything
the commands reach (the host's socket, the terminal, other programs, the
clock) is in the :class:`~ganeti_tw.cli.context.Context` they are given.
"""
