"""How messages travel: AMP, links to peers, identity, the local socket.

In: messages declared with ``@wire`` and the path of the actor they are for.
Out: answers, and errors told apart by whether the message left
(:class:`~ganeti_tw.errors.NotSent`) or may have been handled
(:class:`~ganeti_tw.errors.OutcomeUnknown`).  Nobody outside this room sees
AMP, TLS or a socket.

- ``links``: a :class:`~ganeti_tw.wire.remote.RemoteRef` for any actor of any peer
- ``server``: delivers what peers say to the actors of this host
- ``memory``: the same without a network, for tests and simulations
- ``identity``, ``token``: who this host is, and how it becomes a node
- ``local``: the UNIX socket the command line talks to
"""
