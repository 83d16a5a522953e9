``gnt-cluster verify`` says so when nodes cannot reach the address of the cluster.
