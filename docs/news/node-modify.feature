gnt-node modify works: roles, flags, automatic promotion, secondary address, node parameters, recorded power and states.
