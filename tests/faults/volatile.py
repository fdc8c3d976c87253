"""A disk that forgets: what programs see of it, and what of that a power cut leaves.

Data and size of a file survive by an fsync of that file, names by an fsync of the directory that holds them,
each side of a rename by that of its own. Whatever else was done may survive or not, POSIX says; real disks do
both. `Disk.survivors` gives the worst, where nothing of it does, or throws dice for each part.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Image = dict[str, "bytes | Image"]  # what a disk holds: names with bytes, or with what a directory holds
Operation = tuple[str, tuple[Any, ...]]  # a method of `Disk`, and its arguments

ROOT = 1
_BLOCK = 512  # a write that a power cut tears is torn between these


@dataclass(slots=True, eq=False)
class File:
    """Bytes. ``unsynced`` are writes (offset, data) and truncations (size, None) since the last fsync."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)
    links: int = 0

    def change(self, at: int, data: bytes | None) -> None:
        _apply(self.data, at, data)
        self.unsynced.append((at, data))

    def sync(self) -> None:
        self.durable = bytes(self.data)
        self.unsynced.clear()

    def survivor(self, dice: random.Random | None, chance: float) -> bytes:
        data = bytearray(self.durable)
        if dice is not None:
            for at, change in self.unsynced:
                if dice.random() < chance:
                    _apply(data, at, change)
                elif change and dice.random() < 0.5:
                    for start in range(0, len(change), _BLOCK):
                        if dice.random() < 0.5:
                            _apply(data, at + start, change[start : start + _BLOCK])
        return bytes(data)


@dataclass(slots=True, eq=False)
class Folder:
    """Names and the ids of what they name. ``unsynced`` are the changed ones since the last fsync, in
    order, with None for a name that was taken away."""

    names: dict[str, int] = field(default_factory=dict)
    durable: dict[str, int] = field(default_factory=dict)
    unsynced: list[tuple[str, int | None]] = field(default_factory=list)

    def change(self, name: str, node: int | None) -> None:
        _name(self.names, name, node)
        self.unsynced.append((name, node))

    def sync(self) -> None:
        self.durable = dict(self.names)
        self.unsynced.clear()

    def survivors(self, dice: random.Random | None, chance: float) -> dict[str, int]:
        names = dict(self.durable)
        if dice is not None:
            for name, node in self.unsynced:
                if dice.random() < chance:
                    _name(names, name, node)
        return names


class Disk:
    """Nodes by id, the root's being `ROOT`. Every method but `survivors` is one operation; the same ones in
    the same order give the same disk. They expect what a kernel has checked: names that are there, or not."""

    def __init__(self, start: Image | None = None) -> None:
        self.nodes: dict[int, File | Folder] = {ROOT: Folder()}
        self._fill(ROOT, start or {})

    def _fill(self, parent: int, image: Image) -> None:
        for name, content in image.items():
            if isinstance(content, dict):
                self._fill(self.mkdir(parent, name), content)
            else:
                node = self.create(parent, name)
                self.write(node, 0, content)
                self.fsync(node)
        self.fsync(parent)

    def file(self, node: int) -> File:
        found = self.nodes[node]
        assert isinstance(found, File)
        return found

    def folder(self, node: int) -> Folder:
        found = self.nodes[node]
        assert isinstance(found, Folder)
        return found

    def mkdir(self, parent: int, name: str) -> int:
        return self._add(parent, name, Folder())

    def create(self, parent: int, name: str) -> int:
        return self._add(parent, name, File(links=1))

    def _add(self, parent: int, name: str, node: File | Folder) -> int:
        number = len(self.nodes) + 1
        self.nodes[number] = node
        self.folder(parent).change(name, number)
        return number

    def write(self, node: int, at: int, data: bytes) -> None:
        self.file(node).change(at, data)

    def truncate(self, node: int, size: int) -> None:
        self.file(node).change(size, None)

    def link(self, node: int, parent: int, name: str) -> None:
        self.file(node).links += 1
        self.folder(parent).change(name, node)

    def unlink(self, parent: int, name: str) -> None:
        """Take a file's or an empty directory's name away."""
        self._let_go(self.folder(parent).names[name])
        self.folder(parent).change(name, None)

    def rename(self, parent: int, name: str, new_parent: int, new_name: str) -> None:
        node = self.folder(parent).names[name]
        replaced = self.folder(new_parent).names.get(new_name)
        if replaced == node:  # two names of one file: POSIX has nothing done
            return
        if replaced is not None:
            self._let_go(replaced)
        self.folder(parent).change(name, None)
        self.folder(new_parent).change(new_name, node)

    def _let_go(self, node: int) -> None:
        if isinstance(found := self.nodes[node], File):
            found.links -= 1

    def fsync(self, node: int) -> None:
        """Of a file or of a directory; fdatasync does no less."""
        self.nodes[node].sync()

    def survivors(self, seed: int | None = None) -> Image:
        """What is there after a power cut now: the worst, or with a ``seed`` by the dice."""
        dice = None if seed is None else random.Random(seed)
        chance = dice.choice((0.1, 0.5, 0.9)) if dice else 0.0
        return self._image(ROOT, dice, chance)

    def _image(self, node: int, dice: random.Random | None, chance: float) -> Image:
        image: Image = {}
        for name, number in self.folder(node).survivors(dice, chance).items():
            found = self.nodes[number]
            if isinstance(found, File):
                image[name] = found.survivor(dice, chance)
            else:
                image[name] = self._image(number, dice, chance)
        return image


def replayed(operations: Iterable[Operation], disk: Disk) -> Iterable[Disk]:
    """The disk after each of the operations."""
    for name, arguments in operations:
        getattr(disk, name)(*arguments)
        yield disk


def lay_out(image: Image, folder: Path) -> None:
    """Make ``folder``, and in it the files and directories of an image."""
    folder.mkdir()
    for name, content in image.items():
        if isinstance(content, dict):
            lay_out(content, folder / name)
        else:
            (folder / name).write_bytes(content)


def _apply(data: bytearray, at: int, change: bytes | None) -> None:
    if change is None:
        if at < len(data):
            del data[at:]
        else:
            data.extend(bytes(at - len(data)))
    else:
        if at > len(data):
            data.extend(bytes(at - len(data)))
        data[at : at + len(change)] = change


def _name(names: dict[str, int], name: str, node: int | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node
