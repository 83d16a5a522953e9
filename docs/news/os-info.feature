gnt-os info shows versions, variants and parameters of operating systems.
