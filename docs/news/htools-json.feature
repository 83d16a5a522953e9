``--json`` of hbal, hcheck, hinfo, hroller, hspace and hsqueeze prints one document whose keys the reference lists.
