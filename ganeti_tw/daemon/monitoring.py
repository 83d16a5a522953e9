"""mond, put together for a host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, execute, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger, formatTime
from twisted.python.failure import Failure

from ganeti_tw.agent.commands import ReactorRunner
from ganeti_tw.confd.keyfile import KeyFile
from ganeti_tw.daemon.measures import sources
from ganeti_tw.daemon.placement import Placement
from ganeti_tw.daemon.serverside import FileContext
from ganeti_tw.errors import DriverError, GanetiError, NotFound
from ganeti_tw.kernel import Ref, ThreadBlocking
from ganeti_tw.model.defaults import SITE_COLLECTOR
from ganeti_tw.model.paths import Paths
from ganeti_tw.mond.collectors import SITE
from ganeti_tw.mond.guests import Guest, comparisons
from ganeti_tw.mond.host import LocalHost
from ganeti_tw.mond.metrics import Exposition
from ganeti_tw.mond.monitor import Monitor
from ganeti_tw.mond.reasons import state_reasons, with_reasons
from ganeti_tw.mond.registry import DEADLINE, all_collectors
from ganeti_tw.mond.web import Door, ReportSite
from ganeti_tw.protocol.instance import ListInstances

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host
    from ganeti_tw.daemon.process import Process
    from ganeti_tw.daemon.record import HostRecord

LIST_TIMEOUT = 8.0
SHARED = 1.0  # seconds for which one look at the guests serves all collectors
AT_ONCE = 1000  # guests compared before others get a turn: some milliseconds of work
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
LISTEN_AGAIN = 10.0  # seconds
ACCESS_LOG = "monitoring-daemon-access.log"
ERROR_LOG = "monitoring-daemon-error.log"
TAIL = 400  # characters of a failed program's output that are told

log = Logger()


class Monitoring:
    """The monitoring service of a host while it runs."""

    def __init__(self, monitor: Monitor, entry: Entry, threads: ThreadBlocking) -> None:
        self._monitor, self._entry, self._threads = monitor, entry, threads

    def configure(self, record: HostRecord | None) -> None:
        """The host's cluster, or what it wants, may have changed."""
        self._monitor.configure(record.data_collectors if record is not None else {})

    async def stop(self) -> None:
        """End it."""
        self._monitor.stop()
        await self._entry.close()
        await self._threads.close()


def start_monitor(host: Host, process: Process) -> Monitoring:
    """Begin to collect and to serve.  GanetiError when a certificate is named that is none."""
    load_site_collectors(entry_points(group=SITE))
    reactor = process.reactor
    collectors = all_collectors()
    # One that hangs keeps its thread: there is one for each that may, and two for what the service itself does.
    threads = ThreadBlocking(reactor, "collectors", len(collectors) + 2)
    placement = Placement(
        threads,
        lambda: host.config,
        lambda: host.record,
        KeyFile(process.paths.hmac_key, process.now).key,
        process.settings.ports.confd,
        process.new_uuid,
        process.now,
    )
    programs = Programs(ReactorRunner(reactor), reactor)
    local = LocalHost(
        list_guests=Shared(lambda: list_guests(host, process.paths, placement, threads, reactor), reactor).get,
        run_program=programs.run,
        call_in_thread=lambda function: threads.run(function, deadline=DEADLINE),
        list_volume_owners=placement.volume_owners,
        list_minor_owners=placement.minor_owners,
        enabled=lambda: frozenset(host.record.hypervisors if host.record is not None else ()),
        clock=process.now,
        ticks_per_second=os.sysconf("SC_CLK_TCK"),
        page_size=os.sysconf("SC_PAGE_SIZE"),
    )
    errors = ErrorLog(os.path.join(process.paths.log, ERROR_LOG), process.now)
    monitor = Monitor(reactor, local, collectors, errors.write)
    monitor.start()
    exposition = Exposition(reactor, monitor, sources(host))
    site = ReportSite(monitor, exposition, reactor, os.path.join(process.paths.log, ACCESS_LOG))
    entry = Entry(reactor, lambda: listen(process, site), process.settings.ports.mond)
    entry.open()
    monitoring = Monitoring(monitor, entry, threads)
    monitoring.configure(host.record)
    host.told = monitoring.configure
    return monitoring


def load_site_collectors(entries: Iterable[EntryPoint]) -> None:
    """Load collectors of other packages; one that cannot be is logged and left out."""

    def failed(failure: Failure, name: str) -> None:
        log.failure("collector {collector} of this site cannot be loaded", failure, collector=name)

    ours = {c.name for c in all_collectors()}
    for entry in sorted(entries, key=lambda e: e.name):
        execute(entry.load).addErrback(failed, entry.name)
    for c in all_collectors():
        if c.name not in ours and not c.name.startswith(SITE_COLLECTOR):
            log.warn(
                "collector {name} cannot be set with gnt-cluster modify: only {prefix}* can",
                name=c.name,
                prefix=SITE_COLLECTOR,
            )


def listen(process: Process, site: ReportSite) -> Any:
    """The port.  CannotListenError; GanetiError when a certificate is named that is none."""
    settings = process.settings
    place = settings.ports.mond, Door(site)
    more = {"interface": settings.mond.address or settings.address}
    if settings.mond.certificate:
        context = FileContext(settings.mond.certificate, settings.mond.key)
        return process.reactor.listenSSL(*place, context, **more)
    return process.reactor.listenTCP(*place, **more)


class Entry:
    """Where mond is asked.  A host whose port is taken runs without, and tries again."""

    def __init__(self, clock: Any, listen: Callable[[], Any], number: int) -> None:
        self._clock, self._listen, self._number = clock, listen, number
        self._port: Any = None
        self._again: Any = None
        self._said = False

    def open(self) -> None:
        """Listen, now or as soon as the port is free."""
        self._again = None
        try:
            self._port = self._listen()
        except CannotListenError as e:
            if not self._said:
                log.error(
                    "mond cannot listen at {address} port {port}, and goes on trying: {reason}",
                    address=e.interface or "*",
                    port=self._number,
                    reason=getattr(e.socketError, "strerror", None) or str(e.socketError),
                )
            self._said = True
            self._again = self._clock.callLater(LISTEN_AGAIN, self.open)
            return
        if self._said:
            log.info("mond listens at port {port} now", port=self._number)

    async def close(self) -> None:
        """Neither listen nor try to."""
        if self._again is not None:
            self._again.cancel()
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)


class ErrorLog:
    """A file of a few lines, opened for each, so that it may be rotated at any time."""

    def __init__(self, path: str, now: Callable[[], float]) -> None:
        self._path, self._now = path, now

    def write(self, line: str) -> None:
        """Add a line, with the time; that it cannot be written is in the host's log."""
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(f"{formatTime(self._now())} {' '.join(line.splitlines())}\n")
        except OSError as e:
            log.warn("{path} cannot be written: {reason}", path=self._path, reason=e.strerror)


class Programs:
    """Runs the tools that collectors ask, which do not belong to any instance."""

    def __init__(self, runner: ReactorRunner, reactor: Any, search: str = SEARCH) -> None:
        self._runner, self._reactor, self._search = runner, reactor, search

    async def run(self, argv: Sequence[str]) -> str:
        """What it prints; see :meth:`ganeti_tw.mond.registry.Host.run`."""
        program = shutil.which(argv[0], path=self._search)
        if program is None:
            raise NotFound(f"there is no program {argv[0]}")
        environment = {"PATH": self._search, "LC_ALL": "C"}
        end = await self._runner.run([program, *argv[1:]], environment, DEADLINE)
        if not end.good:
            why = end.reason or f"exit status {end.status}"
            raise DriverError(f"{argv[0]} failed: {why}; output: {end.output.strip()[-TAIL:]}")
        return end.stdout


class Shared:
    """An answer that all who ask at about the same time share, each in a turn of the reactor of its own."""

    def __init__(self, make: Callable[[], Any], clock: IReactorTime) -> None:
        self._make, self._clock = make, clock
        self._waiting: list[Deferred[Any]] = []
        self._busy = False
        self._answer: Any = None
        self._until = 0.0

    async def get(self) -> Any:
        """The answer, made anew when it is older than a moment; a failure goes to all who wait for it."""
        if self._clock.seconds() < self._until:
            return self._answer
        mine: Deferred[Any] = Deferred(self._forget)
        self._waiting.append(mine)
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._make()).addCallback(self._keep).addBoth(self._end)
        return await mine

    def _keep(self, answer: Any) -> Any:
        self._answer, self._until = answer, self._clock.seconds() + SHARED
        return answer

    def _forget(self, one: Deferred[Any]) -> None:
        if one in self._waiting:
            self._waiting.remove(one)

    def _end(self, result: Any) -> None:
        self._busy = False
        waiting, self._waiting = self._waiting, []
        self._tell(waiting, result)

    def _tell(self, waiting: list[Deferred[Any]], result: Any) -> None:
        """The first of them now: what each makes of thousands of guests takes a while."""
        if waiting:
            # Calls that are due at the same time would all be made in the same turn.
            self._clock.callLater(0, self._tell, waiting[1:], result)
            if not waiting[0].called:
                waiting[0].callback(result)


async def list_guests(
    host: Host, paths: Paths, placement: Placement, threads: ThreadBlocking, clock: IReactorTime
) -> tuple[Guest, ...]:
    """What should run here beside what does."""
    record = host.record
    if record is None:
        return ()
    agent: Ref = host.hands.agent
    found = await agent.ask(ListInstances(host.hands.enabled(record)), LIST_TIMEOUT)
    wanted = await placement.wanted()
    try:
        reasons = await threads.run(state_reasons, paths.run, deadline=DEADLINE)
    except GanetiError:
        reasons = {}
    guests: list[Guest] = []
    one_by_one = comparisons(wanted, found, host.outside.now())
    while part := list(islice(one_by_one, AT_ONCE)):
        guests += part
        await deferLater(clock, 0)
    return with_reasons(sorted(guests, key=lambda guest: guest.name), reasons)
