"""What there is: cluster, groups, nodes, instances, disks, networks, filters.

Frozen values; an edit returns a new one.  Rows of the ledger and the text of
``config.data`` enter and leave through :mod:`codec` and :mod:`config_data`;
:class:`config.Config` is the whole of it at one serial number.  Pure: no clock,
no random numbers, no files.
"""
