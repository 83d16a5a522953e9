gnt-cluster import makes a cluster from the config.data of Ganeti 3.0 or 3.1.
