gnt-cluster modify --instance-communication-network makes the network and connects it to all groups; gnt-instance modify --communication puts an instance into it.
