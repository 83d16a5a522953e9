Operations that make, copy or remove disks, ask or tell many nodes, verify groups or renew certificates say how far they are.
