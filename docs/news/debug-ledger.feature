``gnt-debug ledger`` shows how far the copy of the ledger on each master candidate is and why one is not in sync; with ``--json`` for programs.
