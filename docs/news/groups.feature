gnt-group works: add, modify, rename, remove, assign-nodes, list, info, tags and show-ispecs-cmd; gnt-cluster init takes an instance policy.
