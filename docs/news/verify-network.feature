gnt-cluster verify tells which nodes cannot reach each other (ENODENET).
