"""What the cluster can do: one file per operation.

An operation is a frozen value whose fields are Ganeti's parameters, with three
methods: ``locks(config)`` says what it needs, ``check(config)`` refuses what
cannot work (pure), ``run(context)`` does it.  All it touches comes through the
context.
"""
