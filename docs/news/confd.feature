confd answers all of Ganeti's requests; ganeti-confd-client asks them.
