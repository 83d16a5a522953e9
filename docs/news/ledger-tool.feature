ganeti-ledger checks, exports, saves and restores the ledger of a host.
