``OP_QUERY``, ``OP_QUERY_FIELDS`` and ``OP_CLUSTER_CONFIG_QUERY`` work as operations of jobs.
