gnt-node power, health, restricted-command and powercycle work, the first two by out-of-band helpers on the master.
