"""A host process with nothing but the agent, for the system tests.

``agent_host.py ROOT OS_DIRECTORY CACHE INSTANCE VERB...`` does each verb in turn and prints its
answer as a line of JSON; the verb ``wait`` stays until it is killed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import msgspec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from ganeti_tw.agent.figures import Figures
from ganeti_tw.agent.hypervisor import libvirt_host
from ganeti_tw.agent.hypervisor.base import HypervisorHost
from ganeti_tw.agent.hypervisor.registry import build_hypervisors
from ganeti_tw.agent.instance import Describe
from ganeti_tw.agent.node import NodeAgent
from ganeti_tw.agent.osdef.definition import OsDefinitions
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.processes import ReactorSpawner
from ganeti_tw.agent.storage.base import StorageHost
from ganeti_tw.agent.storage.registry import build_storages
from ganeti_tw.errors import GanetiError
from ganeti_tw.kernel import ActorSystem, ThreadBlocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol import instance as p
from ganeti_tw.protocol import node as n


def spec(root: str, cache: str, name: str, os_name: str) -> p.InstanceSpec:
    path = f"{root}/srv/ganeti/file-storage/{name}/d0.file.disk0"
    disk = p.DiskSpec("f1a626a9-c564-4f41-bdd2-baeb9f4e0a34", 0, "file", 32, "rw", ("loop", path))
    nic = p.NicSpec("a18b3261-e726-47fd-bd7e-e932dc8fb800", 0, "aa:00:00:11:22:33", "bridged", "user")
    hv = {"kernel_path": "", "disk_type": "paravirtual", "nic_type": "paravirtual", "serial_console": True}
    be = {"minmem": 112, "maxmem": 112, "vcpus": 1}
    return p.InstanceSpec(
        name,
        "ea4bfa79-e083-4f7e-ade4-c9a37db66e68",
        os_name,
        "kvm",
        hv,
        be,
        (disk,),
        (nic,),
        "node1",
        osparams={"cache": cache},
    )


async def main(root: str, os_directory: str, cache: str, name: str, verbs: list[str]) -> None:
    clock: Any = reactor
    paths = Paths(root)
    os.makedirs(paths.run, exist_ok=True)
    blocking = ThreadBlocking(clock, "drivers", 8)
    libvirt_host.prepare(root, os.path.join(cache, "capabilities"))
    host = HypervisorHost("node1", paths.run, clock, blocking, clock.callFromThread)
    kvm = build_hypervisors(host, ["kvm"])
    storages = build_storages(StorageHost(blocking, lambda: [root + "/srv/ganeti/file-storage"]))
    scripts = OsScripts(
        OsDefinitions([os_directory], blocking), ReactorSpawner(clock), paths.os_log, lambda: 1000000000.0
    )
    system = ActorSystem(clock)
    node = system.spawn("node", lambda: NodeAgent(system, kvm, storages, scripts, Figures(blocking), clock, list(kvm)))
    os_name, _, instance = name.partition("@")
    it = spec(root, cache, instance, os_name)
    messages: dict[str, Any] = {
        "disk": p.CreateDisk(instance, it.disks[0]),
        "install": p.InstallOs(it, timeout=300),
        "install-briefly": p.InstallOs(it, timeout=1),
        "start": p.StartInstance(it),
        "stop": p.StopInstance(instance, "kvm", 60),
        "list": p.ListInstances(("kvm",)),
        "console": p.GetConsole(it),
        "reboot": p.RebootInstance(it, "soft"),
        "oses": n.ListOses(),
        "figures": n.GetFigures("kvm", "file", root),
    }
    for verb in verbs:
        if verb == "wait":
            await Deferred()
        if verb == "settle":
            await deferLater(clock, 2, lambda: None)
            continue
        if verb == "phase":
            # Guests are adopted once libvirt has looked at QEMU, which takes it seconds.
            end = clock.seconds() + 60
            while (actor := system.find(f"node/instance/{instance}")) is None and clock.seconds() < end:
                await deferLater(clock, 0.2, lambda: None)
            answer = None if actor is None else (await actor.ask(Describe(), 5)).value
        else:
            try:
                answer = msgspec.to_builtins(await node.ask(messages[verb], 400))
            except GanetiError as e:
                answer = {"error": type(e).__name__, "text": str(e)}
        print(json.dumps(answer), flush=True)


def finished(result: Any) -> None:
    if result is not None:
        result.printTraceback(sys.stderr)
    reactor.stop()


if __name__ == "__main__":
    Deferred.fromCoroutine(main(*sys.argv[1:5], sys.argv[5:])).addBoth(finished)
    reactor.run()
