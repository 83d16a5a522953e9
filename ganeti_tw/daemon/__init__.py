"""The process of one host: settings, roles, ``makeService``.

The only room that knows all others, and the only one that has the reactor, the
wall clock and chance; it hands them in.  The tools that make and watch whole
processes (``ganeti-vcluster``, ``ganeti-confd-client``) are here as well.
"""
