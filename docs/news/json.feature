``gnt-cluster search-tags`` and ``gnt-node health`` have ``--json`` like everything else that shows something.
