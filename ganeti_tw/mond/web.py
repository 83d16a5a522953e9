"""The reports over HTTP.  Source: ``doc/design-monitoring-agent.rst``."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from ganeti_tw.errors import NotFound
from ganeti_tw.mond.monitor import Monitor, describe

VERSIONS = [1]


def site(monitor: Monitor, clock: IReactorTime) -> Site:
    """What to listen with."""
    made: Site = Site(Reports(monitor), reactor=clock)
    made.displayTracebacks = False
    return made


class Reports(Resource):
    """All paths.  GET only: anything else is not found, as in Ganeti."""

    isLeaf = True
    log = Logger()

    def __init__(self, monitor: Monitor) -> None:
        Resource.__init__(self)
        self._monitor = monitor

    def render(self, request: Any) -> Any:
        if request.method != b"GET":
            return _not_found(request, "Resource not found")
        path = request.path.decode("utf-8", "replace")
        match [part for part in path.split("/") if part]:
            case []:
                return _json(request, VERSIONS)
            case ["1"]:
                return _json(request, None)
            case ["1", "list", "collectors"]:
                return _json(request, [[c.name, c.category_word, int(c.kind)] for c in self._monitor.listed()])
            case ["1", "report", "all"]:
                return self._later(request, self._monitor.report_all())
            case ["1", "report", category, name]:
                try:
                    report = self._monitor.report(category, name)
                except NotFound as e:
                    return _not_found(request, str(e))
                return self._later(request, report)
        return _not_found(request, "Resource not found")

    def _later(self, request: Request, answer: Deferred[Any]) -> int:
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)

        def finish(body: bytes) -> None:
            if not gone:
                request.write(body)
                request.finish()

        answer.addCallbacks(lambda value: _json(request, value), self._failed, errbackArgs=(request,))
        answer.addCallback(finish)
        answer.addErrback(lambda failure: self.log.failure("{path} was not answered", failure, path=request.path))
        return NOT_DONE_YET

    def _failed(self, failure: Failure, request: Request) -> bytes:
        self.log.warn("{path} failed: {reason}", path=request.path, reason=describe(failure))
        return _text(request, 500, b"Internal Server Error", describe(failure))


def _json(request: Request, value: Any) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return msgspec.json.encode(value)


def _not_found(request: Request, text: str) -> bytes:
    return _text(request, 404, b"Not found", text)


def _text(request: Request, code: int, reason: bytes, text: str) -> bytes:
    request.setResponseCode(code, reason)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return text.encode()
