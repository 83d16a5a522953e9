`gnt-filter` sets rules about which jobs may start; reasons `rate-limit:N:label` limit how many jobs run at once.
