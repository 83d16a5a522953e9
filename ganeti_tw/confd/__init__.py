"""Answers small questions about the configuration over UDP, signed with the cluster's key.

In come datagrams and every change of the configuration; out go answers.  Nothing
is ever changed.  :mod:`~ganeti_tw.confd.actor` listens, the way of a datagram
leads through :mod:`~ganeti_tw.confd.desk`; :mod:`~ganeti_tw.confd.client` asks.
"""
