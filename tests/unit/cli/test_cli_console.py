from __future__ import annotations

import os
import pty
import socket
import tempfile
import termios
import threading
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli.console import ESCAPE, attach, last_lines, raw_keys, run


def read_all(descriptor: int) -> bytes:
    data = b""
    while block := os.read(descriptor, 65536):
        data += block
    return data


class Streams(SynchronousTestCase):
    """Standard input that can be typed on, standard output and errors that can be read."""

    def setUp(self) -> None:
        self.source, self.keys = os.pipe()
        self.screen, self.target = os.pipe()
        self.complaints, self.errors = os.pipe()
        for descriptor in (self.source, self.keys, self.screen, self.target, self.complaints, self.errors):
            self.addCleanup(self.close, descriptor)

    def close(self, descriptor: int) -> None:
        try:
            os.close(descriptor)
        except OSError:
            pass

    def shown(self) -> bytes:
        os.close(self.target)
        return read_all(self.screen)


class AttachTests(Streams):
    def setUp(self) -> None:
        super().setUp()
        self.line, self.guest = socket.socketpair()
        self.addCleanup(self.line.close)
        self.addCleanup(self.guest.close)

    def attach(self, escape: bytes | None = None, linger: float | None = None) -> None:
        attach(self.line, self.source, self.target, escape=escape, linger=linger)

    def test_what_the_guest_says_is_shown_until_it_hangs_up(self) -> None:
        self.guest.sendall(b"login: ")
        self.guest.close()
        self.attach()
        self.assertEqual(self.shown(), b"login: ")

    def test_input_goes_to_the_guest(self) -> None:
        os.write(self.keys, b"root\n")
        os.close(self.keys)
        self.attach(linger=0)
        self.assertEqual(self.guest.recv(100), b"root\n")

    def test_the_escape_leaves_and_is_not_sent(self) -> None:
        os.write(self.keys, b"ab" + ESCAPE + b"cd")
        self.attach(escape=ESCAPE)
        self.assertEqual(self.guest.recv(100), b"ab")

    def test_without_an_escape_the_byte_is_ordinary(self) -> None:
        os.write(self.keys, b"a" + ESCAPE)
        os.close(self.keys)
        self.attach(linger=0)
        self.assertEqual(self.guest.recv(100), b"a" + ESCAPE)

    def test_keys_after_the_guest_hung_up_do_no_harm(self) -> None:
        self.guest.sendall(b"bye")
        self.guest.close()
        os.write(self.keys, b"late")
        self.attach()
        self.assertEqual(self.shown(), b"bye")

    def test_after_the_end_of_input_the_guest_may_go_on(self) -> None:
        os.close(self.keys)
        self.guest.sendall(b"later")
        self.guest.close()
        self.attach()
        self.assertEqual(self.shown(), b"later")


class RunTests(Streams):
    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()  # paths of sockets must be short
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/serial"

    def serve(self, talk: Callable[[socket.socket], None]) -> None:
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(self.path)
        server.listen()

        def guest() -> None:
            connection, _ = server.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=guest)
        thread.start()
        self.addCleanup(thread.join)

    def run_console(self, *argv: str) -> int:
        return run([*argv, self.path], self.source, self.target, self.errors)

    def test_a_session_over_pipes(self) -> None:
        self.serve(lambda line: line.sendall(b"you said " + line.recv(100)))
        os.write(self.keys, b"hello")
        os.close(self.keys)
        self.assertEqual(self.run_console(), 0)
        self.assertEqual(self.shown(), b"you said hello")

    def test_the_end_of_the_log_comes_first(self) -> None:
        log = self.mktemp()
        with open(log, "wb") as file:
            file.write(b"booted\n")
        self.serve(lambda line: line.sendall(b"login: "))
        self.assertEqual(self.run_console("--log", log), 0)
        self.assertEqual(self.shown(), b"booted\nlogin: ")

    def test_nobody_listens(self) -> None:
        self.assertEqual(self.run_console(), 1)
        os.close(self.errors)
        self.assertIn(b"cannot connect to " + self.path.encode(), read_all(self.complaints))

    def test_a_path_too_long_for_a_socket(self) -> None:
        self.path = "/x" * 200
        self.assertEqual(self.run_console(), 1)

    def test_one_socket_is_needed(self) -> None:
        for argv in ([], ["a", "b"]):
            self.assertRaises(SystemExit, run, argv, self.source, self.target, self.errors)


class LogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()

    def last(self, content: bytes, count: int = 3) -> bytes:
        with open(self.path, "wb") as file:
            file.write(content)
        return last_lines(self.path, count)

    def test_the_last_lines(self) -> None:
        self.assertEqual(self.last(b"1\n2\n3\n4\n5"), b"3\n4\n5")
        self.assertEqual(self.last(b"1\n2\n"), b"1\n2\n")
        self.assertEqual(self.last(b""), b"")

    def test_a_line_cut_at_the_beginning_is_left_out(self) -> None:
        self.assertEqual(self.last(b"x" * 20000 + b"\nend\n"), b"end\n")

    def test_no_log(self) -> None:
        self.assertEqual(last_lines("/nonexistent/log", 3), b"")


class TerminalTests(SynchronousTestCase):
    def test_keys_are_raw_only_meanwhile(self) -> None:
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        self.addCleanup(os.close, terminal)

        def echoes() -> bool:
            return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

        before = echoes()
        with raw_keys(terminal):
            self.assertFalse(echoes())
        self.assertEqual(echoes(), before)
