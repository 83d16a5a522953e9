"""The reports and figures over HTTP.  Source: ``doc/design-monitoring-agent.rst``."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from twisted.web.server import Request as SiteRequest

from ganeti_tw.errors import NotFound
from ganeti_tw.mond.complaints import describe
from ganeti_tw.mond.metrics import Exposition, format_for
from ganeti_tw.mond.monitor import Monitor
from ganeti_tw.mond.watch import Report

VERSIONS = [1]
IDLE = 60.0  # seconds a connection may say nothing
MOST = 200  # connections at a time: the descriptors of this process are needed for other things, too
JSON = b"application/json"

log = Logger()


class _Bodiless(SiteRequest):
    """A request whose body is read and forgotten: nothing here looks at one, and anybody may send one of any size."""

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        pass


class _Refused(Protocol):
    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class Door(WrappingFactory):
    """Lets ``most`` connections to a site be open at a time; any more are closed at once."""

    noisy = False

    def __init__(self, site: Site, most: int = MOST) -> None:
        super().__init__(site)  # type: ignore[no-untyped-call]
        self._most = most

    def buildProtocol(self, addr: IAddress | None) -> Any:
        # A protocol in any case: TLS does not expect to be refused one.
        return _Refused() if len(self.protocols) >= self._most else super().buildProtocol(addr)


class ReportSite(Site):
    """What to listen with.  ``access_log``: a file that gets a line per request, in the combined format."""

    displayTracebacks = False
    noisy = False
    requestFactory = _Bodiless

    def __init__(
        self, monitor: Monitor, exposition: Exposition, clock: IReactorTime, access_log: str | None = None
    ) -> None:
        Site.__init__(self, Reports(monitor, exposition), reactor=clock, timeout=IDLE, logPath=access_log)
        self._wanted = access_log is not None

    def log(self, request: Any) -> None:
        if not self._wanted:
            return
        try:
            Site.log(self, request)
        except OSError as e:
            self._wanted = False
            log.warn("accesses are not logged any more: {reason}", reason=e.strerror)


class Reports(Resource):
    """All paths.  GET only: anything else is not found, as in Ganeti."""

    isLeaf = True

    def __init__(self, monitor: Monitor, exposition: Exposition) -> None:
        Resource.__init__(self)
        self._monitor = monitor
        self._exposition = exposition

    def render(self, request: Any) -> Any:
        if request.method != b"GET":
            if request.method == b"POST" and not _has_length(request):
                return _text(request, 411, b"Length Required", "a POST must tell its length")
            return _not_found(request, "Resource not found")
        path = request.path.decode("utf-8", "replace")
        match [part for part in path.split("/") if part]:
            case []:
                return _json(request, VERSIONS)
            case ["1"]:
                return _json(request, None)
            case ["metrics"]:
                return self._metrics(request)
            case ["1", "list", "collectors"]:
                return _json(request, [[c.name, c.category_word, int(c.kind)] for c in self._monitor.listed()])
            case ["1", "report", "all"]:
                request.setHeader(b"content-type", JSON)
                return self._monitor.report_all()
            case ["1", "report", category, name]:
                return self._report(request, category, name)
        return _not_found(request, "Resource not found")

    def _report(self, request: Request, category: str, name: str) -> Any:
        try:
            report = self._monitor.report(category, name)
        except NotFound as e:
            return _not_found(request, str(e))

        def body(report: Report) -> bytes:
            if report.failure:
                return _text(request, 500, b"Internal Server Error", report.failure)
            request.setHeader(b"content-type", JSON)
            return report.body

        return _later(request, report.addCallback(body))

    def _metrics(self, request: Request) -> Any:
        chosen = format_for((request.getHeader(b"accept") or b"").decode("latin-1"))
        request.setHeader(b"content-type", chosen.content_type.encode())
        # The answer depends on what was asked for; caches on the way must know.
        request.setHeader(b"vary", b"accept")
        return _later(request, self._exposition.render(chosen))


def _later(request: Request, body: Deferred[bytes]) -> int:
    gone = False

    def lost(failure: Failure) -> None:
        nonlocal gone
        gone = True
        body.cancel()

    def finish(content: bytes) -> None:
        request.setHeader(b"content-length", str(len(content)).encode())
        request.write(content)
        request.finish()

    def failed(failure: Failure) -> None:
        if gone and failure.check(CancelledError):
            return
        log.failure("{path} was not answered", failure, path=request.path)
        if not gone:
            finish(_text(request, 500, b"Internal Server Error", describe(failure)))

    request.notifyFinish().addErrback(lost)
    body.addCallback(finish).addErrback(failed)
    return NOT_DONE_YET


def _has_length(request: Request) -> bool:
    headers = request.requestHeaders
    return headers.hasHeader(b"content-length") or headers.hasHeader(b"transfer-encoding")


def _json(request: Request, value: Any) -> bytes:
    request.setHeader(b"content-type", JSON)
    return msgspec.json.encode(value)


def _not_found(request: Request, text: str) -> bytes:
    return _text(request, 404, b"Not found", text)


def _text(request: Request, code: int, reason: bytes, text: str) -> bytes:
    request.setResponseCode(code, reason)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return text.encode()
