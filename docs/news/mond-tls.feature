mond can have an address of its own and speak HTTPS: section [mond] of ganeti.conf.
