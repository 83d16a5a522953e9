gnt-cluster init takes all options of Ganeti: IPv6 clusters, a network for replication, LVM, DRBD, ssh keys, user ids, images and states.
