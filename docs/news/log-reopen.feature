SIGHUP has the process of a host open its log anew, as Ganeti's daemons do; it ended it before.
