``gnt-cluster master-failover`` moves the master within seconds, with what every acknowledged change needs; a master that most nodes do not follow does not act and says why.
