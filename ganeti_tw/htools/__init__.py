"""Where things should go: a view of a cluster in, a plan out.

A :class:`~ganeti_tw.htools.cluster.Cluster` comes from a reader (``text``,
``simulate``, ``iallocator``), is completed by ``prepare`` and answers the
questions of the command line tools: how good is it (``score``), which moves make
it better (``balance``), where does an instance fit (``allocate``), how many more
fit (``space``).

Decisions equal those of Ganeti's htools bit for bit, ties included, so sums are
formed in node order, one addition after the other.  Values here are plain
classes with slots rather than attrs: on a small cluster importing attrs would
take longer than the whole run.  NumPy is imported when a cluster is large enough
to be worth it.
"""
