"""What can be said: message classes, nothing else.

Messages marked ``@wire`` may travel between hosts, all others stay in their
process.  Nothing here does anything; handlers live in the rooms that own the
actors.
"""
