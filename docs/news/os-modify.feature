gnt-os modify works, and the verify scripts of operating systems look at parameters before they are stored or used.
