"""Files that are copied from the master to the nodes."""

from __future__ import annotations

from attrs import field, frozen

from ganeti_tw.protocol.registry import wire


@frozen
class FileCopy:
    """A file, whole."""

    path: str  # as on a real host
    content: bytes = field(repr=False)
    mtime: float


@wire("node.read_ancillary/1", what="read files that all nodes have", answer=tuple[FileCopy, ...], looks=True)
@frozen
class ReadAncillary:
    """Answer: those of these files that are there.

    BadRequest for a path that may not be spread; DriverError when a file is
    there and cannot be read.
    """

    paths: tuple[str, ...]


@wire("node.write_ancillary/1", what="store files that all nodes have", answer=tuple[str, ...])
@frozen
class WriteAncillary:
    """Have these files with these contents; their modes are known by their paths.

    Answer: paths of those that were other.  BadRequest for a path that may not
    be spread: then none is written.
    """

    files: tuple[FileCopy, ...]
