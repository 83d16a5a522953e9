``ganeti-vcluster``, ``ganeti-console``, ``ganeti-sim`` and ``ganeti-kills`` have ``--version``.
