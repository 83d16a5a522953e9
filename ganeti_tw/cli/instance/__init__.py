"""``gnt-instance``: a file per subcommand."""

from __future__ import annotations

ALIASES: dict[str, str] = {"start": "startup", "stop": "shutdown", "show": "info"}
