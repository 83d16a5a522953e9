gnt-instance info has a line for a migration that has begun and not ended, with the command that finds out where the instance runs when it was interrupted.
