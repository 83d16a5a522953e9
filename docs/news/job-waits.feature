``gnt-job info`` also says which filter, rate limit or full house (``max_running_jobs``) a job waits for, and ``--json`` has it in ``waits_for``.
