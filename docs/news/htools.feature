hbal, hail, hinfo, hcheck, hroller and hsqueeze work on text files, simulated clusters and iallocator requests, with Ganeti's options, output and decisions.
