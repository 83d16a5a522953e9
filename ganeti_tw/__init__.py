"""Clusters of virtual machines, one Twisted process per host."""

__version__ = "0.1.0"
