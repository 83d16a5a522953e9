gnt-cluster verify and verify-disks work; verify also tells how far the copies of the ledger on the master candidates are, with the error code ENODELEDGER.
