"""What runs guests: one module per hypervisor.

In come :class:`~ganeti_tw.protocol.instance.InstanceSpec` values and names of
guests, out come what is running and how to reach its console.
``registry.hypervisors`` finds the modules.  libvirt is known in this folder
only, and loaded when a guest of it is first asked for.
"""
