``gnt-node list-storage`` shows where nodes keep disks that are files, and how full these places are.
