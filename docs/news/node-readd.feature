gnt-node add --readd gives a host that lost its disk its place in the cluster back, gnt-node token --leave lets a host forget its cluster.
