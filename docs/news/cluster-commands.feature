gnt-cluster command and copyfile work over the links between the hosts, without ssh; search-tags, show-ispecs-cmd, master-ping, queue and watcher work too.
