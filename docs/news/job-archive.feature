`gnt-job archive` and `gnt-job autoarchive` put jobs that have ended out of the way; `gnt-job list --archived` shows them.
