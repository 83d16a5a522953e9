/etc/ganeti/file-storage-paths says which directories may hold disks, as in Ganeti.
