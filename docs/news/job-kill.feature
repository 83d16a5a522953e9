`gnt-job cancel --kill` ends running jobs.
