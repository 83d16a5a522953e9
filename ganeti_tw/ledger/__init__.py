"""What must not be forgotten: serial-numbered changes, stores and replication.

In come :class:`~ganeti_tw.ledger.messages.Commit` messages, sets of rows to
put and to delete; out go their serials once the rows are on disk here and on
every in-sync candidate, and :class:`~ganeti_tw.ledger.messages.Committed` news
to local subscribers.  The room knows no meaning: a row is ``(kind, key)`` and
some JSON; only the kinds ``insync`` and ``reign`` are its own.
``docs/decisions/001-ledger-replication.rst`` gives the rules and their reasons.
"""
