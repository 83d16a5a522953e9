``gnt-instance activate-disks`` and ``deactivate-disks`` for disks that are files.
