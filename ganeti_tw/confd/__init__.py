"""Answers small questions about the configuration over UDP, signed with the cluster's key.

In come datagrams and the latest Config; out go answers.  Nothing is ever
changed.  Packets and answers are pure; :mod:`ganeti_tw.confd.server` is the one
part that listens.
"""
