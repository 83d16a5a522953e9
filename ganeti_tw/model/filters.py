"""The filter language of queries: all of it to be imported from here."""

from __future__ import annotations

from ganeti_tw.model.filter_language import Get, Test, any_of, compiled, evaluate, fields_in, glob_pattern
from ganeti_tw.model.filter_text import from_arguments, parse

__all__ = ["Get", "Test", "any_of", "compiled", "evaluate", "fields_in", "from_arguments", "glob_pattern", "parse"]
