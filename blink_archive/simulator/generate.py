"""Makes up an account from a seed: networks, cameras with names from hell, clips with awkward times."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from blink_archive.simulator.records import Camera, Catalogue, Clip, Family, Network
from blink_archive.simulator.settings import Settings

FIRST_CLIP_ID = 7100001
PURGE_ID = 7099000
DAY = 86400
SNOOZE = 42 * 60
"""Seconds for which the camera that is switched off is snoozed, too."""
SOURCES = ("pir", "cv_motion", "liveview", "snapshot", "button_press", "user")
METADATA: tuple[Any, ...] = (
    None,
    {"cv_detection": ["person"], "clip_score": 0.93},
    '{"cv_detection": ["vehicle"]}',
    None,
    '{"cv_detection": ["person", "animal"]}',
    {},
)
NETWORKS = (
    ("House", "America/Toronto", "sm2"),
    ("Cottage", "Europe/Berlin", "sm2"),
    ("Workshop", "Asia/Kolkata", "sm1"),
)
# Which network each camera stands in; the first two share one, so that one name is there twice.
PLACES = (0, 0, 1, 2, 1)
MODELS: tuple[tuple[Family, str, str], ...] = (
    ("camera", "catalina", "new"),
    ("owl", "owl", "new"),
    ("doorbell", "lotus", "number"),
    ("camera", "white", "old"),
    ("owl", "hawk", "new"),
    ("camera", "sedona", "new"),
)
PLAIN = ("Garden", "Kitchen", "Front door", "Garage", "Attic", "Driveway", "Hall", "Terrace")
HOSTILE = (
    "Front Door",
    "Front Door",
    "Back/Yard ../..",
    "CON",
    "🦊 Garten",
    "حديقة المنزل",
    "",
    "a" * 300,
    "tab\tbell\x07nul\x00.",
    " trailing dots... ",
    "-rf ~",
    "Café",
    "Cafe\u0301",
)
# What the first cameras were called before, so that five cameras are enough for every trap.
FORMER = ("Front Door", "Porch", "\u202egnp.drayB", "", "حديقة المنزل")


def generate(settings: Settings) -> Catalogue:
    """The account of `settings`: the same seed, sizes and `now` give the same account."""
    rng = Random(settings.seed)
    networks = [
        Network(
            id=2100001 + at, name=name, time_zone=zone, sync_module_id=3100001 + at,
            sync_module_type=kind, armed=at != 1,
        )
        for at, (name, zone, kind) in enumerate(NETWORKS)
    ]  # fmt: skip
    cameras = [_camera(settings, networks, at=at) for at in range(settings.cameras)]
    return Catalogue(networks, cameras, _clips(settings, cameras, rng=rng))


def _camera(settings: Settings, networks: list[Network], *, at: int) -> Camera:
    family, model, form = MODELS[at % len(MODELS)]
    names = HOSTILE if settings.hostile else PLAIN
    name = names[at] if at < len(names) else f"Camera {at + 1}"
    former = FORMER[at] if settings.hostile and at < len(FORMER) else name
    asleep = at % 7 == 3
    base = {"camera": 4100001, "owl": 5100001, "doorbell": 6100001}[family]
    return Camera(
        id=base + at,
        network=networks[PLACES[at % len(PLACES)]],
        family=family,
        type=model,
        name=name,
        former_name=former,
        serial=f"G8T1{at + 1:012}",
        enabled=not asleep,
        thumbnail_form="number" if form == "number" else "old" if form == "old" else "new",
        snoozed_until=int(settings.now().timestamp()) + SNOOZE if asleep else 0,
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A clip before it has an id; ids rise with the time of recording."""

    created: int
    camera: Camera
    kind: str = "whole"


def _clips(settings: Settings, cameras: list[Camera], *, rng: Random) -> list[Clip]:
    if settings.clips == 0:
        return []
    now = int(settings.now().timestamp())
    drafts = _special(settings, cameras, now=now)
    whole = sum(draft.kind == "whole" for draft in drafts)
    span = settings.days * DAY
    offsets = {camera.id: _offset(camera, now) for camera in cameras}
    for _ in range(settings.clips - whole):
        camera = rng.choice(cameras)
        created = now - 600 - int(rng.random() * (span - 600))
        # Nights are quiet: most of what falls into one is moved half a day.
        at_night = (created + offsets[camera.id]) % DAY < DAY // 4
        if at_night and rng.random() < 0.7 and created - DAY // 2 > now - span:
            created -= DAY // 2
        drafts.append(_Draft(created, camera))
    drafts.sort(key=lambda draft: draft.created)
    renamed = now - span // 2
    numbered = enumerate(drafts, FIRST_CLIP_ID)
    return [_clip(draft, clip_id, now=now, renamed=renamed, rng=rng) for clip_id, draft in numbered]


def _clip(draft: _Draft, clip_id: int, *, now: int, renamed: int, rng: Random) -> Clip:
    camera, created = draft.camera, draft.created
    updated = created + rng.randint(5, 60)
    if rng.random() < 0.06:  # watched in the app, some time later
        updated = rng.randint(updated, max(updated, now - 30))
    partial = draft.kind == "partial"
    return Clip(
        id=clip_id,
        camera=camera,
        camera_name=camera.name if created >= renamed else camera.former_name,
        created=created,
        updated=created if partial else min(updated, now),
        source=SOURCES[4] if camera.family == "doorbell" and clip_id % 2 else SOURCES[clip_id % 6],
        template=rng.randrange(1 << 16),
        watched=rng.random() < 0.2 and not partial,
        partial=partial,
        deleted=draft.kind == "tombstone",
        old_paths=clip_id % 3 == 0,
        metadata=METADATA[rng.randrange(len(METADATA))],
    )


def _special(settings: Settings, cameras: list[Camera], *, now: int) -> list[_Draft]:
    """The awkward ones, as many of them as `clips` leaves room for."""
    first, last = cameras[0], cameras[-1]
    drafts = [
        _Draft(now - 20, first, "partial"),
        _Draft(now - 2 * 3600, last, "tombstone"),
        _Draft(now - min(5 * DAY, settings.days * DAY - 1), first, "tombstone"),
    ]
    if settings.clips >= 2:
        start = now - 3600 - 60 * (settings.seed % 60)
        drafts += [_Draft(start, first), _Draft(start, first)]
    if settings.clips >= 4:
        end = repeated_hour(first.network.time_zone, datetime.fromtimestamp(now, UTC))
        drafts += [_Draft(end - 1800, first), _Draft(end + 1800, first)]
    return drafts


def repeated_hour(zone: str, now: datetime) -> int:
    """The Unix second of the latest past end of daylight saving in `zone`.

    Half an hour before it and half an hour after it, the clock on the wall shows the same time.
    """
    local = ZoneInfo(zone)
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for _ in range(400 * 24):
        before = (hour - timedelta(seconds=1)).astimezone(local).utcoffset()
        after = hour.astimezone(local).utcoffset()
        if before is not None and after is not None and after < before:
            return int(hour.timestamp())
        hour -= timedelta(hours=1)
    raise ValueError(f"{zone} has had no end of daylight saving for a year")


def _offset(camera: Camera, now: int) -> int:
    there = datetime.fromtimestamp(now, ZoneInfo(camera.network.time_zone)).utcoffset()
    return int(there.total_seconds()) if there else 0
