gnt-cluster modify asks the nodes before it enables a hypervisor, changes a storage directory or names a file in hypervisor parameters; --force goes on all the same.
