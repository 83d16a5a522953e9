`gnt-job change-priority` makes waiting jobs more or less urgent.
