`gnt-node evacuate`, `gnt-group evacuate` and `gnt-instance change-group` move instances by jobs that an iallocator plans, all of them or none.
