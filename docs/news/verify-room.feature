``gnt-cluster verify`` names the nodes whose data or log directories are on file systems that are full.
