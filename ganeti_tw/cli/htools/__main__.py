"""``python -m ganeti_tw.cli.htools TOOL ...``."""

from __future__ import annotations

import sys

from ganeti_tw.cli.htools.entry import dispatch

sys.exit(dispatch())
