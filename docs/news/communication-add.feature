``gnt-instance add -c yes`` gives the new instance its NIC in the communication network.
