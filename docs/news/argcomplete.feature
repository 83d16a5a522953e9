The commands can be completed by argcomplete too (``pip install ganeti_tw[completion]``), and completion waits at most a second for the master.
