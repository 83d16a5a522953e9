Jobs that ended are archived by the daemon: after 6 hours, or the oldest when there are more than 5,000; the archive keeps them for 21 days.
