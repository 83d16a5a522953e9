"""Where disks lie: one module per disk template.

In come :class:`~ganeti_tw.protocol.instance.DiskSpec` values, out come paths
of devices and files.  ``registry.storages`` finds the modules.
"""
