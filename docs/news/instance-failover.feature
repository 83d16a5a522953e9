Instances whose disks other nodes reach, or that have none, can be stopped and started on another node with ``gnt-instance failover``.
