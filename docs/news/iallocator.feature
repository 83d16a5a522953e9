Iallocators choose nodes: `gnt-instance add -I`, `batch-create -I`, `failover -I`, `migrate -I` or the cluster's default; hail needs no set-up, scripts written for Ganeti run unchanged.
