``gnt-cluster verify`` finds nodes without the administrator's script for the cluster's address (ENODEUSERSCRIPTS).
