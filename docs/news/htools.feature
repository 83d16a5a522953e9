hbal, hail, hinfo and hcheck work on text files, simulated clusters and iallocator requests, with Ganeti's options, output and decisions.
