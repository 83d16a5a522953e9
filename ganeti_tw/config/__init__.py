"""The configuration keeper: the only one that changes the configuration.

In: ``Edit``.  Out: immutable ``Config`` values, one per stored change, that
anybody may read without asking.
"""
