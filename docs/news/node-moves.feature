All primary instances of a node are given to other nodes with ``gnt-node migrate``, or stopped and started there with ``gnt-node failover``.
