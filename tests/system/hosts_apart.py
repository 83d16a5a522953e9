"""Hosts with a network, a name and a file system of their own, on one machine: cables can be pulled.

Each is a set of Linux namespaces: its process has no ``GANETI_ROOTDIR`` and finds all in its usual
places, the address of the cluster is really on its interface, and what hosts say to each other
crosses a bridge.  Needs root and iproute2; nothing of the machine itself is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from real_cluster import Hosts, own_environ

NETWORK = "192.0.2"
CLUSTER, CLUSTER_ADDRESS = "cluster.example", f"{NETWORK}.100"
# Places that each host has for itself.  All that is in /etc is copied first.
OWN = ("/etc", "/var/lib", "/var/log", "/run", "/srv")
PATIENCE = 30.0


def missing() -> str:
    """What hosts apart need and this machine does not have; empty when it has all."""
    if os.geteuid() != 0:
        return "root"
    return ", ".join(tool for tool in ("ip", "unshare", "nsenter") if not _tool(tool))


def _tool(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


class HostsApart(Hosts):
    """``hosts`` of them, each with a running process; :meth:`form` makes a cluster of them."""

    def __init__(self, hosts: int) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ap", dir="/tmp"))
        self.names = [f"node{i}.example" for i in range(1, hosts + 1)]
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._inside: dict[str, int] = {}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        try:
            self._hold("switch", "--net")
            self._do("switch", "ip link add br0 type bridge && ip link set br0 up && ip link set lo up")
            for name in self.names:
                self._furnish(name)
            self.start()
        except BaseException:
            self.destroy()
            raise

    def destroy(self) -> None:
        for holder in self._holders.values():
            holder.kill()
            holder.wait()
        for daemon in self._daemons.values():
            daemon.wait()
        shutil.rmtree(self.directory)

    # -- what happens to hosts -----------------------------------------------------------------------------------

    def start(self, *hosts: str) -> None:
        for name in hosts or self.names:
            if name not in self._inside:
                self._switch_on(name)
            if name not in self._daemons or self._daemons[name].poll() is not None:
                self._daemons[name] = self._spawn(name)
        for name in hosts or self.names:
            self.until(lambda name=name: bool(self.state(name)), PATIENCE)

    def lose_power(self, host: str) -> None:
        """End all that runs on it at once, and its network; what is on its disk stays."""
        self._holders[host].kill()
        self._holders.pop(host).wait()
        self._daemons.pop(host).wait()
        del self._inside[host]

    def pull_cable(self, host: str) -> None:
        """Nothing that it sends arrives anywhere, and the other way round; nobody is told."""
        self._do("switch", f"ip link set {self._port(host)} nomaster")

    def plug_cable(self, host: str) -> None:
        """As before."""
        self._do("switch", f"ip link set {self._port(host)} master br0")

    def has_address(self, host: str) -> bool:
        """Whether the address of the cluster is on its interface; not while it has no power."""
        if host not in self._inside:
            return False
        shown = self._do(host, f"ip -o addr show dev eth0 to {CLUSTER_ADDRESS}/32")
        return CLUSTER_ADDRESS in shown

    def form(self) -> None:
        """Make a cluster with all hosts as master candidates."""
        self.run(
            "gnt-cluster", "init", "--enabled-hypervisors=fake", "--enabled-disk-templates=diskless,file",
            "--master-netdev=eth0", CLUSTER, host=self.names[0],
        )  # fmt: skip
        for name in self.names[1:]:
            self.run("gnt-node", "add", "--token", self.token(name), name, host=self.names[0])

    def on(self, host: str, argv: list[str]) -> list[str]:
        return ["nsenter", "--target", str(self._inside[host]), "--all", "--", *argv]

    # -- how they are made ---------------------------------------------------------------------------------------

    def _port(self, host: str) -> str:
        return f"v{self.names.index(host) + 1}"

    def _furnish(self, name: str) -> None:
        """Its disk."""
        home = self.directory / name
        for place in OWN:
            (home / place[1:]).mkdir(parents=True)
        subprocess.run(["cp", "-a", "/etc/.", str(home / "etc")], check=True)
        for folder in ("etc/ganeti", "var/lib/ganeti", "var/log/ganeti", "srv/ganeti/file-storage"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "var/run").symlink_to("../run")
        known = [f"{NETWORK}.{i} {other} {other.split('.')[0]}" for i, other in enumerate(self.names, 1)]
        hosts = ["127.0.0.1 localhost", *known, f"{CLUSTER_ADDRESS} {CLUSTER}", ""]
        (home / "etc/hosts").write_text("\n".join(hosts))

    def _switch_on(self, name: str) -> None:
        self._hold(name, "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc", "--kill-child")
        home, number = self.directory / name, self.names.index(name) + 1
        self._do(name, " && ".join([f"hostname {name}", *(f"mount --bind {home}{place} {place}" for place in OWN)]))
        port = self._port(name)
        self._do("switch", f"ip link add {port} type veth peer name eth0 netns {self._inside[name]}")
        self._do("switch", f"ip link set {port} master br0 up")
        self._do(name, f"ip link set lo up && ip addr add {NETWORK}.{number}/24 dev eth0 && ip link set eth0 up")

    def _hold(self, name: str, *namespaces: str) -> None:
        """Have namespaces that last as long as a process that does nothing."""
        holder = subprocess.Popen(["unshare", *namespaces, "sleep", "infinity"], stdin=subprocess.DEVNULL)
        self._holders[name] = holder
        own = os.stat("/proc/self/ns/net").st_ino
        end = time.monotonic() + PATIENCE
        while True:
            children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            inside = int(children[0]) if children else holder.pid
            forks = "--fork" in namespaces
            comm = Path(f"/proc/{inside}/comm").read_text().strip()
            if comm == "sleep" and bool(children) == forks and os.stat(f"/proc/{inside}/ns/net").st_ino != own:
                break
            if time.monotonic() > end or holder.poll() is not None:
                raise AssertionError(f"no namespaces for {name}")
            time.sleep(0.01)
        self._inside[name] = inside

    def _do(self, name: str, script: str) -> str:
        argv = ["nsenter", "--target", str(self._inside[name]), "--net"]
        if name != "switch":
            argv = self.on(name, [])
        else:
            argv.append("--")
        environ = {**own_environ(), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        done = subprocess.run([*argv, "sh", "-c", script], capture_output=True, text=True, env=environ, timeout=30)
        if done.returncode:
            raise RuntimeError(f"{name}: {script}: {done.stdout}{done.stderr}")
        return done.stdout

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        """Its process, as the service would start it."""
        paths = self.paths(name)
        for stale in (paths.pid, paths.socket):
            Path(stale).unlink(missing_ok=True)
        command = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
        options = ["--nodaemon", "--pidfile=/var/run/ganeti/ganeti.pid", "--logger=ganeti_tw.daemon.logs.observer"]
        Path(paths.run).mkdir(parents=True, exist_ok=True)
        with open(self.directory / f"{name}.output", "ab") as output:
            return subprocess.Popen(
                self.on(name, [sys.executable, "-P", "-c", command, *options, "ganeti"]),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=own_environ(), cwd="/",
            )  # fmt: skip
