"""``ganeti-ledger``: looks at the file of a ledger, saves it and brings it back, without the host's process."""
