"""``gnt-group``: a file per subcommand."""

from __future__ import annotations

ALIASES: dict[str, str] = {}
NOT_YET = ("evacuate",)
