gnt-cluster modify and rename work: every setting of the cluster, each with its checks.
