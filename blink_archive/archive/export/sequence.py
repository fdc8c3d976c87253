"""An export as one file: entries one after the other, and what a killed run left of them goes on."""

from __future__ import annotations

import abc
import contextlib
import hashlib
import json
import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import IO, cast

from ..layout import SHA256SUMS
from ..store import storage_errors
from .disk import sync_file, sync_names, write_all
from .facts import ExportFacts
from .folder import Outcome
from .plan import ExportFile
from .reading import CHUNK, copy, mismatch, opened
from .sums import Payload, write_sums

_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry's head tells: ``when`` is aware, in the zone whose clock an archive shows."""

    name: str
    bytes: int
    when: datetime


class SequenceWriter(abc.ABC):
    """A file of heads and contents, in a fixed order. It is ``NAME.partial`` until it is whole.

    What a killed run left is read from its beginning, as long as it is what would be written there anyway:
    head, content and its hash. There the writing goes on.
    """

    workers = 1

    def __init__(self, target: Path, *, archive: Path, now: datetime) -> None:
        self._target = target
        self._archive = str(archive)
        self._now = now.astimezone()
        self._partial = partial_of(target)
        self._at = 0  # where the next entry begins
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with storage_errors(f"write {self._partial}"):
            if target.exists():  # whole, and of this export: what changed since is written anew
                target.replace(self._partial)
            self._file = open(os.open(self._partial, flags, 0o666), "r+b", buffering=0)  # noqa: PTH123, SIM115
            self._left = os.fstat(self._file.fileno()).st_size  # by a killed run; 0 once it is gone through

    def add(self, file: ExportFile) -> Outcome:
        if self._left and self._go_over(file):
            return "kept"
        if file.removed:
            return "absent"
        with opened(self._archive, file) as source, storage_errors(f"write {self._partial}"):
            entry = Entry(file.name, os.fstat(source.fileno()).st_size, file.recorded)
            self._write(entry, lambda write: copy(source, file, write), file)
        return "written"

    def add_paper(self, name: str, paper: Path) -> None:
        with storage_errors(f"write {self._partial}"), paper.open("rb", buffering=0) as source:
            entry = Entry(name, os.fstat(source.fileno()).st_size, self._now)

            def pour(write: Callable[[memoryview], object]) -> int:
                buffer = memoryview(bytearray(CHUNK))
                while count := source.readinto(buffer):
                    write(buffer[:count])
                return entry.bytes

            self._write(entry, pour, None)
        paper.unlink()

    def finish(self, payload: Payload, *, scratch: Path, facts: ExportFacts) -> str:
        with storage_errors(f"write {self._partial}"):
            paper, sha256 = write_sums(payload, scratch)
            self.add_paper(SHA256SUMS, paper)
            self._file.seek(self._at)
            self._end()
            self._file.close()
            sync_file(self._partial)
            self._partial.replace(self._target)
            sync_names(self._target.parent)
        return sha256

    def close(self) -> None:
        self._file.close()

    @abc.abstractmethod
    def _head(self, entry: Entry, crc: int) -> bytes:
        """The bytes before the content; of one length, whatever the checksum."""

    @abc.abstractmethod
    def _taken(self, entry: Entry, crc: int) -> None:
        """An entry is whole; it begins at ``_at``."""

    @abc.abstractmethod
    def _padding(self, length: int) -> bytes:
        """What follows a content of that length."""

    @abc.abstractmethod
    def _end(self) -> None:
        """Write what follows the last entry."""

    def _write(
        self, entry: Entry, pour: Callable[[Callable[[memoryview], object]], int], file: ExportFile | None
    ) -> None:
        """An entry at the end; nothing of it stays where that fails."""
        if self._left:
            self._left = 0
            self._file.truncate(self._at)
        crc = 0

        def take(chunk: memoryview) -> None:
            nonlocal crc
            crc = zlib.crc32(chunk, crc)
            write_all(self._file, chunk)

        self._file.seek(self._at)
        try:
            head = self._head(entry, 0)
            write_all(self._file, head)
            if pour(take) != entry.bytes and file is not None:
                raise mismatch(file, "it was changed while it was read")
            padding = self._padding(entry.bytes)
            write_all(self._file, padding)
            final = self._head(entry, crc)
            if final != head:
                self._file.seek(self._at)
                write_all(self._file, final)
        except BaseException:
            with contextlib.suppress(OSError):
                self._file.truncate(self._at)
            raise
        self._taken(entry, crc)
        self._at += len(head) + entry.bytes + len(padding)

    def _go_over(self, file: ExportFile) -> bool:
        """Whether what a killed run left has this file next, whole."""
        entry = Entry(file.name, file.bytes, file.recorded)
        length = len(self._head(entry, 0))
        padding = self._padding(file.bytes)
        if self._at + length + file.bytes + len(padding) > self._left:
            return False
        with storage_errors(f"read {self._partial}"):
            self._file.seek(self._at)
            head = self._file.read(length)
            digest, crc, rest = hashlib.sha256(), 0, file.bytes
            buffer = memoryview(bytearray(CHUNK))
            while rest and (count := self._file.readinto(buffer[: min(rest, CHUNK)])):
                digest.update(buffer[:count])
                crc = zlib.crc32(buffer[:count], crc)
                rest -= count
            whole = not rest and self._file.read(len(padding)) == padding
        if not whole or digest.hexdigest() != file.sha256 or head != self._head(entry, crc):
            return False
        self._taken(entry, crc)
        self._at += length + file.bytes + len(padding)
        return True


class ZipWriter(SequenceWriter):
    """A ZIP whose entries are stored as they are; ZIP64 where it takes that."""

    def __init__(self, target: Path, *, archive: Path, now: datetime) -> None:
        super().__init__(target, archive=archive, now=now)
        with storage_errors(f"write beside {target}"):
            self._entries = _Entries(target.parent)

    def close(self) -> None:
        super().close()
        self._entries.close()

    def _head(self, entry: Entry, crc: int) -> bytes:
        return _zip_info(entry, crc).FileHeader()

    def _taken(self, entry: Entry, crc: int) -> None:
        self._entries.add(entry, crc, self._at)

    def _padding(self, length: int) -> bytes:
        return b""

    def _end(self) -> None:
        with zipfile.ZipFile(cast("IO[bytes]", _Appended(self._file)), "w") as directory:
            # zipfile counts them and goes through them once; its list of them would grow with the archive
            directory.filelist = cast("list[zipfile.ZipInfo]", self._entries)
        self._file.truncate()


class TarWriter(SequenceWriter):
    """A tar with PAX headers where a name or a size takes one."""

    def _head(self, entry: Entry, crc: int) -> bytes:
        info = tarfile.TarInfo(entry.name)
        info.size = entry.bytes
        info.mtime = int(entry.when.timestamp())
        info.mode = _MODE
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")

    def _taken(self, entry: Entry, crc: int) -> None:
        pass

    def _padding(self, length: int) -> bytes:
        return bytes(-length % tarfile.BLOCKSIZE)

    def _end(self) -> None:
        blocks = 2 * tarfile.BLOCKSIZE
        write_all(self._file, bytes(blocks + -(self._at + blocks) % tarfile.RECORDSIZE))
        self._file.truncate()


def partial_of(target: Path) -> Path:
    """What a file is called until it is whole."""
    return target.with_name(f"{target.name}.partial")


class _Entries:
    """What the directory of a ZIP is made from, in a file without a name in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115
        self._count = 0

    def add(self, entry: Entry, crc: int, place: int) -> None:
        fields = [entry.name, entry.bytes, entry.when.isoformat(), crc, place]
        self._file.write(f"{json.dumps(fields)}\n")
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[zipfile.ZipInfo]:
        self._file.seek(0)
        for line in self._file:
            name, size, when, crc, place = json.loads(line)
            info = _zip_info(Entry(name, size, datetime.fromisoformat(when)), crc)
            info.header_offset = place
            yield info

    def close(self) -> None:
        with contextlib.suppress(OSError):  # of what a full disk did not take
            self._file.close()


class _Appended:
    """What zipfile writes the directory to: whole writes, a few large ones."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        if len(self._held) >= CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        write_all(self._file, bytes(self._held))
        self._held.clear()

    def tell(self) -> int:
        return self._file.tell() + len(self._held)

    def seek(self, place: int) -> int:
        """To where it is: zipfile makes sure of that, and goes nowhere else."""
        return place


def _zip_info(entry: Entry, crc: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(entry.name, _shown(entry.when))
    info.create_system = 3  # Unix, whose modes follow
    info.external_attr = (0o100000 | _MODE) << 16
    info.file_size = info.compress_size = entry.bytes
    info.CRC = crc
    seconds = int(entry.when.timestamp())
    if -(2**31) <= seconds < 2**31:  # the instant, for programs that know the field: the date has no zone
        info.extra = struct.pack("<HHBi", 0x5455, 5, 1, seconds)
    return info


def _shown(when: datetime) -> tuple[int, int, int, int, int, int]:
    """The date as a ZIP can hold it."""
    if when.year < 1980:
        return 1980, 1, 1, 0, 0, 0
    if when.year > 2107:
        return 2107, 12, 31, 23, 59, 58
    return when.year, when.month, when.day, when.hour, when.minute, when.second
