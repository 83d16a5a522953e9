"""The hands on every node: what really starts guests, makes disks and runs OS scripts.

In come the ``node.*`` messages of :mod:`ganeti_tw.protocol`, to the actor
``node``; it hands what concerns one instance to the actor
``node/instance/<name>``.  Out go calls to hypervisors, storage and child
processes, always aside, so that questions about state are answered meanwhile.
Nothing here knows the cluster, its configuration or its jobs.
"""
