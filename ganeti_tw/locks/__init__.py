"""Who may work on what: the lock manager and its pure allocation.

In: ``Acquire`` with all the locks an owner wants, ``Release``.  Out: a grant,
whole or not at all.  Locks live in memory only and die with their owner.
"""
