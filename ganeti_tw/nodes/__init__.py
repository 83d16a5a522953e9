"""A way to every node, for the master.

In: names.  Out: refs of the nodes' actors; and one actor per node that keeps
it told of what it must know of the cluster.
"""
