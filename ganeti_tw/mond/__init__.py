"""Reports on this host over plain HTTP: load, disks, instances.

In come requests; out goes JSON.  Each collector is a file in ``collectors/``
that declares itself; the host it looks at is an argument.
"""
