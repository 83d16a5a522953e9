"""What a ledger acknowledged is there, whatever happens to its process and to its disk."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import SkipTest, TestCase

from ganeti_tw.ledger.file import LedgerFile
from ganeti_tw.protocol.ledger import Position

ROOT = Path(__file__).resolve().parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT)}
KEYS = 40  # rows there are; each change puts one, so that the last KEYS changes say what must be there

# Appends for ever, some changes at a time, and says the last serial once they are on disk.
WRITER = f"""
import os, random, sys
from ganeti_tw.ledger.file import LedgerFile
from ganeti_tw.protocol.ledger import Change, Put
file = LedgerFile(sys.argv[1], tail_changes=100)
epoch, draw = int(sys.argv[2]), random.Random(int(sys.argv[2]))
serial = file.position().serial
while True:
    count = draw.randrange(1, 6)
    changes = []
    for n in range(serial + 1, serial + count + 1):
        changes.append(Change(n, epoch, (Put("node", str(n % {KEYS}), b"%d " % n * draw.randrange(1, 700)),)))
    file.append(tuple(changes))
    serial += count
    os.write(1, b"%d\\n" % serial)
"""

# In a file system of 1 MB: full, with room again, read-only, writable again.
SMALL_DISK = """
import os, subprocess, sys
from ganeti_tw.errors import DriverError
from ganeti_tw.ledger.file import LedgerFile
from ganeti_tw.protocol.ledger import Change, Put
place, path = sys.argv[1], sys.argv[1] + "/ledger.db"

def mount(*options):
    subprocess.run(["mount", *options, place], check=True)

def refused(call, *arguments):
    try:
        call(*arguments)
    except DriverError as e:
        print(e)
    else:
        raise SystemExit("it was not refused")

def put(serial, size=3000):
    file.append((Change(serial, 1, (Put("node", str(serial), b"x" * size),)),))

mount("-t", "tmpfs", "-o", "size=1m", "tmpfs")
file = LedgerFile(path)
put(1)
ballast = open(place + "/ballast", "wb", buffering=0)
ballast.write(b"x" * 700_000)
serial = 1
try:
    while serial < 1000:
        put(serial + 1)
        serial += 1
except DriverError as e:
    print(e)
assert file.position().serial == serial, (file.position(), serial)
refused(put, serial + 1, 200_000)
file.close()
try:
    while True:
        ballast.write(b"x" * 1000)
except OSError:
    pass
fresh = LedgerFile(place + "/fresh.db")
refused(fresh.position)
file = LedgerFile(path)
try:
    assert file.position().serial == serial
except DriverError as e:
    print(e)
ballast.truncate(0)
ballast.close()
put(serial + 1, 100_000)
assert len(file.read("node")) == serial + 1
file.close()
mount("-o", "remount,ro")
refused(file.position)
mount("-o", "remount,rw")
put(serial + 2)
file.close()
assert LedgerFile(path).position().serial == serial + 2
print("done")
"""


class DurabilityTests(TestCase):
    def setUp(self) -> None:
        self.place = tempfile.mkdtemp(prefix="ledger")
        self.addCleanup(shutil.rmtree, self.place)
        self.path = os.path.join(self.place, "ledger.db")

    def test_killed_at_any_moment(self) -> None:
        draw = random.Random(5)
        before = 0
        for epoch in range(1, 16):
            told = self.killed_after(draw.uniform(0, 0.12), epoch)
            file = LedgerFile(self.path)
            self.addCleanup(file.close)
            at = file.position()
            self.assertIn(at.serial, range(told, told + 6), f"round {epoch}")
            self.assertGreater(at.serial, before)
            before = at.serial
            rows = file.read("node")
            last = {str(n % KEYS): n for n in range(max(1, at.serial - KEYS + 1), at.serial + 1)}
            self.assertEqual({key: int(value.split()[0]) for key, value in rows.items()}, last)
            self.assertEqual(at, Position(at.serial, epoch))
            file.close()

    def killed_after(self, seconds: float, epoch: int) -> int:
        """The last serial that the process said; it is killed so long after it said the first."""
        argv = [sys.executable, "-c", WRITER, self.path, str(epoch)]
        writer = subprocess.Popen(argv, stdout=subprocess.PIPE, env=ENVIRON)
        try:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(seconds)
        finally:
            writer.kill()
            rest = writer.stdout.read() if writer.stdout is not None else b""
            writer.wait()
            if writer.stdout is not None:
                writer.stdout.close()
        return int((first + rest).split()[-1])

    def test_a_disk_that_is_full_and_one_that_is_read_only(self) -> None:
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
            raise SkipTest("mounting a small file system needs root and mount namespaces")
        argv = ["unshare", "-m", sys.executable, "-c", SMALL_DISK, self.place]
        done = subprocess.run(argv, capture_output=True, text=True, env=ENVIRON, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        *said, last = done.stdout.splitlines()
        self.assertEqual(last, "done")
        self.assertIn("the disk is full; nothing was recorded, free some room", said[0])
        for line in said:
            self.assertIn(self.place, line)
        self.assertIn("ead-only", said[-1])
