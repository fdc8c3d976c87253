"""The USB sticks of the sync modules: their clips, manifests and uploads, and what was asked of them.

State and rules only, for tests too; `local_storage.py` has the calls (protocol.md 7).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from threading import RLock
from typing import Literal

from blink_archive.simulator import media
from blink_archive.simulator.records import Catalogue, Clip, Command, Network
from blink_archive.simulator.settings import Settings

FIRST_STICK_CLIP = 9100001
"""Far from the ids of the cloud's clips, since either kind of id is what makes the bytes differ."""

FIRST_MANIFEST = 4321
KEPT_MANIFESTS = 2
COMMAND_FAILED = 999
"""The status of a failed command is made up: all that is known is that it is not 908."""

DROPPED = re.compile(r"[^A-Za-z0-9_]")
DAY = 86400


def manifest_name(name: str) -> str:
    """A camera's name as a manifest has it: ASCII letters, digits and `_` alone."""
    return DROPPED.sub("", name)


@dataclass(frozen=True, slots=True, kw_only=True)
class StickClip:
    """A clip on a stick. Its `id` is the simulator's own, and does not change with the manifests."""

    id: int
    module_id: int
    camera_name: str
    """As the manifest has it."""
    created: int
    """Unix seconds."""
    template: int
    cloud_id: int | None = None
    """The clip of the cloud that it is a backup of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StickRequest:
    """One request of a module's local storage, as it was answered."""

    endpoint: str
    """Name in the table of routes."""
    clip_id: int | None
    """`StickClip.id` where the request named a clip that is there."""
    status: int
    """Of the answer; a 409 was refused because the module was busy, or had no stick."""
    time: float
    """Unix seconds by the cloud's clock."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest said: `clips` is `StickClip` by the id that this manifest gives it."""

    id: int
    clips: dict[int, StickClip]


@dataclass(slots=True)
class _Stick:
    network: Network
    rng: Random
    clips: dict[int, StickClip] = field(default_factory=dict)
    manifests: dict[int, Manifest] = field(default_factory=dict)
    """By the id of their request, oldest first."""
    uploaded: set[tuple[int, int]] = field(default_factory=set)
    """Ids of manifest and clip."""
    failures: list[Literal["command", "missing"]] = field(default_factory=list)
    commands: set[int] = field(default_factory=set)
    requests: list[StickRequest] = field(default_factory=list)
    peak: int = 0


class Usb:
    """The sticks by the ids of their modules. Thread-safe under the lock it is given.

    Every Sync Module 2 can have a stick; with `usb_clips=0` none is in. Methods raise KeyError for a module
    that is none, and for a clip that is not there (any more).
    """

    def __init__(self, settings: Settings, lock: RLock, catalogue: Catalogue) -> None:
        self._settings = settings
        self._lock = lock
        self._next_clip = FIRST_STICK_CLIP
        self._next_manifest = FIRST_MANIFEST
        self._sticks = {
            network.sync_module_id: _Stick(network, Random(f"{settings.seed} {network.sync_module_id}"))
            for network in catalogue.networks
            if network.sync_module_type == "sm2"
        }
        self._cameras = catalogue.cameras
        if settings.usb_clips:
            for module_id, stick in self._sticks.items():
                stick.network.stick = "mounted"
                self._fill(module_id, stick, catalogue.clips)

    def _now(self) -> float:
        return self._settings.now().timestamp()

    # --- what is on the sticks when the account begins

    def _fill(self, module_id: int, stick: _Stick, clips: Iterable[Clip]) -> None:
        """A third are backups of the cloud's clips, as far as it has some; two others share a second."""
        rng, now = stick.rng, int(self._now())
        span = self._settings.days * DAY
        cameras = [camera for camera in self._cameras if camera.network is stick.network]
        if not cameras:
            return
        backed_up = [
            clip
            for clip in clips
            if clip.camera in cameras and not clip.deleted and not clip.partial and clip.created >= now - span
        ]
        wanted = self._settings.usb_clips
        backups = rng.sample(backed_up, min(wanted // 3, len(backed_up)))
        for clip in backups:
            self._put(
                module_id, clip.camera_name, created=clip.created, template=clip.template, cloud_id=clip.id
            )
        own = [
            (rng.choice(cameras), now - 600 - int(rng.random() * (span - 600)))
            for _ in range(wanted - len(backups))
        ]
        if len(own) > 1:
            own[1] = own[0]
        for at, (camera, created) in enumerate(own):
            name = camera.former_name if created < now - span // 2 else camera.name
            self._put(module_id, name, created=created, template=at)

    def _put(
        self, module_id: int, name: str, *, created: int, template: int, cloud_id: int | None = None
    ) -> int:
        clip = StickClip(
            id=self._next_clip, module_id=module_id, camera_name=manifest_name(name), created=created,
            template=template, cloud_id=cloud_id,
        )  # fmt: skip
        self._next_clip += 1
        self._sticks[module_id].clips[clip.id] = clip
        return clip.id

    # --- for tests

    def add_clip(
        self,
        module_id: int,
        *,
        camera_id: int | None = None,
        camera_name: str | None = None,
        created_at: datetime | None = None,
        template: int = 0,
    ) -> int:
        """Record a clip to a module's stick and return its id.

        By default it is of now, and of the module's first camera; `camera_name` may be any other. Manifests
        that were made before do not have it.
        """
        with self._lock:
            network = self._sticks[module_id].network
            if camera_name is None:
                names = {camera.id: camera.name for camera in self._cameras if camera.network is network}
                camera_name = names[next(iter(names), 0) if camera_id is None else camera_id]
            created = int(created_at.timestamp() if created_at else self._now())
            return self._put(module_id, camera_name, created=created, template=template)

    def clips(self, module_id: int) -> list[StickClip]:
        """What is on the stick of a module, oldest first."""
        with self._lock:
            clips = self._sticks[module_id].clips.values()
            return sorted(clips, key=lambda clip: (clip.created, clip.id))

    def clip_bytes(self, clip_id: int) -> bytes:
        """The MP4 of a clip on a stick; a backup's is the cloud's."""
        with self._lock:
            return b"".join(self.clip_chunks(self._find(clip_id)))

    def clip_chunks(self, clip: StickClip) -> tuple[bytes, ...]:
        own = clip.id if clip.cloud_id is None else clip.cloud_id
        return media.clip_chunks(clip.template, own, size=self._settings.clip_bytes)

    def remove_clip(self, clip_id: int) -> None:
        """The clip is on the stick no more; manifests still name it."""
        with self._lock:
            del self._sticks[self._find(clip_id).module_id].clips[clip_id]

    def _find(self, clip_id: int) -> StickClip:
        for stick in self._sticks.values():
            if clip_id in stick.clips:
                return stick.clips[clip_id]
        raise KeyError(clip_id)

    def pull_out(self, module_id: int) -> None:
        """The stick is gone, its clips with it; manifests and uploads are forgotten for good."""
        with self._lock:
            stick = self._sticks[module_id]
            stick.network.stick = "out"
            stick.manifests.clear()
            stick.uploaded.clear()

    def put_in(self, module_id: int) -> None:
        """The stick is there (again), with the clips that are on it."""
        with self._lock:
            self._sticks[module_id].network.stick = "mounted"

    def fail_uploads(
        self, module_id: int, times: int = 1, *, how: Literal["command", "missing"] = "command"
    ) -> None:
        """The next uploads of that module fail: their command says so, or all seems well but for the clip."""
        with self._lock:
            self._sticks[module_id].failures += [how] * times

    def requests(self, module_id: int) -> list[StickRequest]:
        """What was asked of a module's local storage so far, in order; not what a fault answered."""
        with self._lock:
            return list(self._sticks[module_id].requests)

    def peak(self, module_id: int) -> int:
        """The most commands that a client had at one time at a module's local storage.

        Never more than one runs: a command that was refused because one ran makes it two.
        """
        with self._lock:
            return self._sticks[module_id].peak

    # --- for the calls

    def module(self, network_id: int, module_id: int) -> int:
        """The module's id. KeyError where it is no Sync Module 2 of that network."""
        if self._sticks[module_id].network.id != network_id:
            raise KeyError(module_id)
        return module_id

    def network(self, module_id: int) -> Network:
        return self._sticks[module_id].network

    def mounted(self, module_id: int) -> bool:
        return self._sticks[module_id].network.stick == "mounted"

    def asked(self, module_id: int, running: Command | None) -> None:
        """A command is asked for while `running` runs on the network."""
        stick = self._sticks[module_id]
        meets = running is not None and running.id in stick.commands
        stick.peak = max(stick.peak, 2 if meets else 1)

    def began(self, module_id: int, command: Command) -> None:
        """A command of the local storage runs."""
        self._sticks[module_id].commands.add(command.id)

    def note(self, module_id: int, request: StickRequest) -> None:
        self._sticks[module_id].requests.append(request)

    def build_manifest(self, module_id: int, command: Command) -> None:
        """The end of a manifest's command: new ids throughout, and the third oldest is forgotten."""
        stick = self._sticks[module_id]
        if not self.mounted(module_id):
            _fail(command)
            return
        clips = self.clips(module_id)
        ids = stick.rng.sample(range(10**8, 2 * 10**9), len(clips))
        stick.manifests[command.id] = Manifest(self._next_manifest, dict(zip(ids, clips, strict=True)))
        self._next_manifest += stick.rng.randint(1, 9)
        while len(stick.manifests) > KEPT_MANIFESTS:
            del stick.manifests[next(iter(stick.manifests))]

    def manifest(self, module_id: int, request_id: int) -> Manifest | None:
        """The manifest of a request; None while there is none, and where it is forgotten."""
        return self._sticks[module_id].manifests.get(request_id)

    def size(self, clip: StickClip) -> int:
        """What a manifest says of its size: kB, the last one begun counted whole."""
        return -(-sum(map(len, self.clip_chunks(clip))) // 1000)

    def listed(self, module_id: int, manifest_id: int, listed_id: int) -> StickClip | None:
        """The clip that one of the newest two manifests gives that id, if it is still on the stick."""
        stick = self._sticks[module_id]
        for manifest in stick.manifests.values():
            if manifest.id == manifest_id and listed_id in manifest.clips:
                return stick.clips.get(manifest.clips[listed_id].id)
        return None

    def upload(self, module_id: int, manifest_id: int, listed_id: int, command: Command) -> None:
        """The end of an upload's command."""
        stick = self._sticks[module_id]
        failure = stick.failures.pop(0) if stick.failures else None
        if failure == "command" or self.listed(module_id, manifest_id, listed_id) is None:
            _fail(command)
        elif failure is None:
            stick.uploaded.add((manifest_id, listed_id))

    def is_uploaded(self, module_id: int, manifest_id: int, listed_id: int) -> bool:
        return (manifest_id, listed_id) in self._sticks[module_id].uploaded


def _fail(command: Command) -> None:
    command.status_code, command.status_msg = COMMAND_FAILED, "Command failed"
