"""Fakes, and a whole cluster in one process: real actors, simulated hosts, virtual time."""
