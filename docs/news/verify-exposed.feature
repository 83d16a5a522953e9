``gnt-cluster verify`` names files with keys that every user of a node may read.
