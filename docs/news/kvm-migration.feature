Guests under KVM migrate live from libvirtd to libvirtd; ``migration_uri`` in ganeti.conf is how others reach that of a host.
