``ssconf_master_candidates_certs`` and ``candidate_certs`` of ``config.data`` hold the digests of the candidates' certificates.
