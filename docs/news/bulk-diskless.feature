Many diskless instances are created (with ``--no-start``) and removed at the same time on one node, twice as many a second as before.
