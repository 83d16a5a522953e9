"""The front door: submit, wait, cancel, query; the command line and all other faces use it.

In: method names and JSON-like arguments.  Out: JSON-like values, or errors of
:mod:`ganeti_tw.errors`.
"""
