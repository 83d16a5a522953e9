"""Asks confd, for programs of any kind.

In go a question and the addresses of master candidates; out comes the answer
with the highest serial.  :mod:`~ganeti_tw.confd.client.blocking` waits,
:mod:`~ganeti_tw.confd.client.on_twisted` and
:mod:`~ganeti_tw.confd.client.on_asyncio` do not; all three choose, compare and
repeat alike.  None of them needs a cluster or a running daemon on its host.
"""
