`gnt-debug delay --interruptible` ends when somebody gives a sign on its socket; `gnt-debug test-jobqueue` tests the job queue of a running cluster.
