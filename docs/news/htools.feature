hbal, hail, hinfo, hcheck, hroller, hspace and hsqueeze work on text files, simulated clusters and iallocator requests, with Ganeti's options, output and decisions.
