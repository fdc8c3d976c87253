"""The state of the simulated account, for the routes and for tests; every method is thread-safe."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from blink_archive.simulator import items, media
from blink_archive.simulator.feed import Feed
from blink_archive.simulator.generate import FIRST_CLIP_ID, PURGE_ID, generate
from blink_archive.simulator.house import House
from blink_archive.simulator.liveview import LiveView
from blink_archive.simulator.records import Camera, Clip, Network, UnknownId
from blink_archive.simulator.running import Commands
from blink_archive.simulator.settings import WHOLE_AFTER, Settings
from blink_archive.simulator.signin import SignIn, Tokens
from blink_archive.simulator.usb import Usb


class Cloud:
    """Blink's side of the account.

    Times are whole seconds, as the feed's are. Methods that take a clip's id raise KeyError where there
    is no such clip (any more).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = RLock()
        self.sign_in = SignIn(settings, self.lock)
        self.catalogue = generate(settings)
        self.commands = Commands(self.now, self.lock, self.network)
        self.house = House(self.catalogue.networks[0].id)
        self.auto_delete_days = settings.auto_delete_days
        self.live_views: dict[int, LiveView] = {}
        """By the ids of their commands."""
        self.immis_address: str | None = None
        """Host and port of the server of immis live views, where it runs."""
        self.usb = Usb(settings, self.lock, self.catalogue)
        self.on_page: Callable[[int], None] | None = None
        """Called with the page's number before a page of the feed is built, to shift pages in a test."""
        self._clips = {clip.id: clip for clip in self.catalogue.clips}
        self._feed = Feed([(clip.updated, clip.id) for clip in self.catalogue.clips])
        self._partial = {clip.id for clip in self.catalogue.clips if clip.partial}
        self._next_id = max(self._clips, default=FIRST_CLIP_ID - 1) + 1
        self._replaced: dict[int, Any] = {}
        self._raw: dict[int, Any] = {}

    # --- time

    def now(self) -> int:
        """The cloud's clock in Unix seconds."""
        return int(self.settings.now().timestamp())

    def _ripen(self) -> None:
        """Partial clips that are old enough become whole, as of the second they were."""
        now = self.now()
        for clip_id in [key for key in self._partial if now - self._clips[key].created >= WHOLE_AFTER]:
            clip = self._clips[clip_id]
            self._finish(clip, max(clip.updated, clip.created + WHOLE_AFTER))

    # --- clips, as tests change them

    def add_clip(
        self,
        *,
        camera_id: int | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        camera_name: str | None = None,
        source: str = "pir",
        watched: bool = False,
        partial: bool = False,
        deleted: bool = False,
        metadata: Any = None,
        old_paths: bool = False,
        template: int = 0,
        extra: dict[str, Any] | None = None,
    ) -> int:
        """Record a clip (by default: now, at the first camera) and return its id.

        Times are aware datetimes; `extra` overlays the fields of the item in the feed.
        """
        with self.lock:
            camera = self.camera(camera_id) if camera_id is not None else self.catalogue.cameras[0]
            created = int(created_at.timestamp()) if created_at else self.now()
            clip = Clip(
                id=self._next_id,
                camera=camera,
                camera_name=camera.name if camera_name is None else camera_name,
                created=created,
                updated=int(updated_at.timestamp()) if updated_at else created,
                source=source,
                template=template,
                watched=watched,
                partial=partial,
                deleted=deleted,
                old_paths=old_paths,
                metadata=metadata,
                extra=extra,
            )
            self._next_id += 1
            self._clips[clip.id] = clip
            self._feed.add(clip.updated, clip.id)
            if partial:
                self._partial.add(clip.id)
            return clip.id

    def delete_clip(self, clip_id: int) -> None:
        """The clip becomes a tombstone with a new `updated_at`."""
        with self.lock:
            clip = self._clips[clip_id]
            if not clip.deleted:
                clip.deleted = True
                clip.partial = False
                self._partial.discard(clip_id)
                self._touch(clip, self.now())

    def delete_clips(self, clip_ids: Iterable[int]) -> None:
        """What media/delete does: unknown ids are passed over."""
        with self.lock:
            for clip_id in clip_ids:
                if clip_id in self._clips:
                    self.delete_clip(clip_id)

    def purge_clip(self, clip_id: int) -> None:
        """The clip is gone without a tombstone, as an expired one is."""
        with self.lock:
            clip = self._clips.pop(clip_id)
            self._feed.remove(clip.updated, clip_id)
            self._partial.discard(clip_id)
            self._replaced.pop(clip_id, None)

    def expire_old(self) -> list[int]:
        """Purge what is older than `auto_delete_days` by the cloud's clock; returns the ids."""
        with self.lock:
            oldest = self.now() - int(timedelta(days=self.auto_delete_days).total_seconds())
            gone = [clip.id for clip in self._clips.values() if clip.created < oldest]
            for clip_id in gone:
                self.purge_clip(clip_id)
            return gone

    def set_watched(self, clip_id: int, *, watched: bool = True) -> None:
        """Watched in the app: `updated_at` moves to now."""
        with self.lock:
            clip = self._clips[clip_id]
            clip.watched = watched
            self._touch(clip, self.now())

    def touch(self, clip_id: int, *, updated_at: datetime | None = None) -> None:
        """Move `updated_at` (to now by default), as any change does."""
        with self.lock:
            when = int(updated_at.timestamp()) if updated_at else self.now()
            self._touch(self._clips[clip_id], when)

    def finish_partial(self, clip_id: int) -> None:
        """A partial clip is whole from now on."""
        with self.lock:
            clip = self._clips[clip_id]
            if not clip.partial:
                raise ValueError(f"clip {clip_id} is not partial")
            self._finish(clip, self.now())

    def _finish(self, clip: Clip, when: int) -> None:
        clip.partial = False
        self._partial.discard(clip.id)
        self._touch(clip, when)

    def _touch(self, clip: Clip, when: int) -> None:
        self._feed.remove(clip.updated, clip.id)
        clip.updated = when
        self._feed.add(when, clip.id)

    def replace_item(self, clip_id: int, item: Any) -> None:
        """List `item`, whatever it is, in place of the clip's own; its media stays."""
        with self.lock:
            self._clips[clip_id]
            self._replaced[clip_id] = item

    def restore_item(self, clip_id: int) -> None:
        """List the clip's own item again."""
        with self.lock:
            del self._replaced[clip_id]

    def add_raw_item(self, item: Any, *, updated_at: datetime | None = None) -> None:
        """Put anything at all into the feed, where `updated_at` (now by default) places it."""
        with self.lock:
            key = -1 - len(self._raw)
            self._raw[key] = item
            self._feed.add(int(updated_at.timestamp()) if updated_at else self.now(), key)

    # --- clips, as they are

    def clip(self, clip_id: int) -> Clip:
        """A copy of the record."""
        with self.lock:
            self._ripen()
            return replace(self._clips[clip_id])

    def clips(self) -> list[Clip]:
        """Copies of all records, tombstones and partial ones too, by id."""
        with self.lock:
            self._ripen()
            return [replace(self._clips[key]) for key in sorted(self._clips)]

    def newest(self, *, before: int | None) -> Iterator[Clip]:
        """The records with ids below `before`, falling, for the routes, which hold the lock."""
        self._ripen()
        # ids rise as clips are recorded, and so does the order of the dict
        return (self._clips[key] for key in reversed(self._clips) if before is None or key < before)

    def live_clips(self) -> list[int]:
        """Ids of what a complete archive must end with: alive, whole, fetchable; ascending."""
        with self.lock:
            self._ripen()
            return sorted(key for key, clip in self._clips.items() if not clip.deleted and not clip.partial)

    def item(self, clip_id: int) -> Any:
        """The clip as the feed lists it."""
        with self.lock:
            self._ripen()
            return self._listed(clip_id)

    def _listed(self, key: int) -> Any:
        if key < 0:
            return copy.deepcopy(self._raw[key])
        if key in self._replaced:
            return copy.deepcopy(self._replaced[key])
        return items.clip_item(self._clips[key])

    def page(self, since: int, number: int) -> list[Any]:
        """Page `number` (from 1) of the items changed at or after `since`, newest change first."""
        if self.on_page is not None:
            self.on_page(number)
        with self.lock:
            self._ripen()
            keys = self._feed.page(since, number=number, limit=self.settings.page_limit)
            return [self._listed(key) for key in keys]

    @property
    def purge_id(self) -> int:
        return PURGE_ID

    def fetchable(self, clip_id: int) -> Clip | None:
        """The record where its media can be fetched now; the routes' own look."""
        with self.lock:
            self._ripen()
            clip = self._clips.get(clip_id)
            return None if clip is None or clip.deleted or clip.partial else clip

    def downloaded(self, clip_id: int) -> None:
        """A clip was served: Blink may count that as watching it."""
        if self.settings.mark_watched:
            with self.lock:
                if clip_id in self._clips and not self._clips[clip_id].watched:
                    self.set_watched(clip_id)

    def clip_chunks(self, clip_id: int) -> tuple[bytes, ...]:
        with self.lock:
            return media.clip_chunks(self._clips[clip_id].template, clip_id, size=self.settings.clip_bytes)

    def thumbnail_chunks(self, clip_id: int) -> tuple[bytes, ...]:
        with self.lock:
            return media.thumbnail_chunks(self._clips[clip_id].template, f"clip {clip_id}")

    def clip_bytes(self, clip_id: int) -> bytes:
        """The MP4 that the cloud serves for the clip."""
        return b"".join(self.clip_chunks(clip_id))

    def thumbnail_bytes(self, clip_id: int) -> bytes:
        """The JPEG that the cloud serves for the clip."""
        return b"".join(self.thumbnail_chunks(clip_id))

    def camera_thumbnail_bytes(self, camera_id: int) -> bytes:
        """The picture of a camera on the homescreen."""
        pictures = self.camera(camera_id).pictures
        mark = f"camera {camera_id}" + (f" picture {pictures}" if pictures else "")
        return b"".join(media.thumbnail_chunks(camera_id + pictures, mark))

    # --- cameras and networks

    def camera(self, camera_id: int) -> Camera:
        for camera in self.catalogue.cameras:
            if camera.id == camera_id:
                return camera
        raise UnknownId(camera_id)

    def network(self, network_id: int) -> Network:
        for network in self.catalogue.networks:
            if network.id == network_id:
                return network
        raise UnknownId(network_id)

    def rename_camera(self, camera_id: int, name: str) -> None:
        """A new name for what is recorded from now on; clips keep the name of their time."""
        with self.lock:
            self.camera(camera_id).name = name

    def set_enabled(self, camera_id: int, enabled: bool) -> None:
        """Motion detection of a camera."""
        with self.lock:
            self.camera(camera_id).enabled = enabled

    def take_picture(self, camera_id: int) -> None:
        """A new picture for the homescreen."""
        with self.lock:
            camera = self.camera(camera_id)
            camera.pictures += 1
            camera.picture_at = max(self.now(), camera.picture_at) + 1  # each has a path of its own

    def armed(self, network_id: int) -> bool:
        with self.lock:
            return self.network(network_id).armed

    def set_armed(self, network_id: int, armed: bool) -> None:
        with self.lock:
            self.network(network_id).armed = armed

    # --- sign-in

    def issue_tokens(self, hardware_id: str) -> Tokens:
        """Tokens without a sign-in, for tests that are about something else."""
        return self.sign_in.issue(hardware_id)

    def expire_tokens(self) -> None:
        """All access tokens and classic tokens are invalid; refresh tokens live."""
        self.sign_in.expire_all()

    def revoke_refresh_tokens(self) -> None:
        """No refresh token works any more; access tokens live."""
        self.sign_in.revoke_refresh_tokens()

    @property
    def passwords_posted(self) -> int:
        return self.sign_in.passwords_posted

    @property
    def codes_sent(self) -> int:
        return self.sign_in.codes_sent

    @property
    def refreshes(self) -> int:
        """How many times a refresh token was exchanged for a new pair."""
        return self.sign_in.refreshes
