Each host logs once a day that a certificate ends within 30 days, and gnt-cluster verify looks at those of RAPI and SPICE too.
