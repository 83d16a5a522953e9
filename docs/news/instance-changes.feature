gnt-instance modify changes parameters, the OS, network cards, disks (add, remove, attach, detach, mode, name), the offline mark and the recorded primary node of an instance.
