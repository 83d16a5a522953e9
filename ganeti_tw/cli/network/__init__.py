"""``gnt-network``: a file per subcommand."""

from __future__ import annotations

ALIASES: dict[str, str] = {}
