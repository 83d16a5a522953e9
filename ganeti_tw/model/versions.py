"""Which Ganeti this is compatible with, and which version of our own it is."""

from __future__ import annotations

from ganeti_tw import __version__
from ganeti_tw.model.cluster import CONFIG_VERSION

__all__ = ["CONFIG_VERSION", "EXPORT_VERSION", "OS_API_VERSION", "PROTOCOL_VERSION", "RELEASE", "VCS"]

RELEASE = "3.0.2"
PROTOCOL_VERSION = 3000000
OS_API_VERSION = 20
EXPORT_VERSION = 0
VCS = f"ganeti_tw {__version__}"
