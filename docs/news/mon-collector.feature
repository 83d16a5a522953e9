mon-collector prints a report of one collector, with Ganeti's options.
