-- The catalog of a blink-archive, format 4.
--
-- Times are UTC text of one fixed width, 2026-11-23T19:52:07.000000Z, so that they sort as text.
-- Paths are relative to the archive's root, with "/". Booleans are 0 and 1.
-- "raw" is the JSON object as Blink sent it.
-- A row has facts, not a state: what a clip "is" follows from them, in clips_view.status.

CREATE TABLE accounts (                          -- the account of Blink whose archive it is: one row
  id                 INTEGER PRIMARY KEY,        -- Blink's account id
  auto_delete_days   INTEGER,                    -- Blink deletes cloud clips after so many days
  described_at       TEXT,                       -- descriptions were last asked for, all of the list
  described_to       INTEGER NOT NULL DEFAULT 0, -- clips.id of the last one known for an hour then
  no_descriptions_at TEXT,                       -- Blink last answered that the account has none
  seen_at            TEXT                        -- the account's homescreen was last read
) STRICT;

CREATE TABLE archive (                           -- one row, the same as .blink-archive.json
  id         INTEGER PRIMARY KEY CHECK (id = 1), -- always 1
  uuid       TEXT NOT NULL,                      -- of this archive, for ever
  account_id INTEGER NOT NULL REFERENCES accounts (id), -- whose clips it takes
  format     INTEGER NOT NULL,                   -- of this schema
  created_at TEXT NOT NULL                       -- when it was made, by this machine's clock
) STRICT;

CREATE TABLE networks (                          -- as the homescreen listed them last (a "system" in the app)
  id         INTEGER PRIMARY KEY,                -- Blink's
  account_id INTEGER NOT NULL REFERENCES accounts (id), -- whose it is
  name       TEXT NOT NULL,                      -- as it is now; a clip keeps the name of its time
  time_zone  TEXT,                               -- IANA: America/New_York
  armed      INTEGER,                            -- whether its cameras record what moves
  seen_at    TEXT NOT NULL,                      -- last listed; what is not any more stays as it was
  raw        TEXT NOT NULL                       -- JSON, as Blink sent it
) STRICT;

CREATE TABLE sync_modules (                      -- as the homescreen listed them last
  id                   INTEGER PRIMARY KEY,      -- Blink's
  network_id           INTEGER REFERENCES networks (id), -- its network, if Blink lists that
  name                 TEXT NOT NULL,            -- as it is now
  type                 TEXT NOT NULL,            -- sm1, sm2, …, in Blink's words
  serial               TEXT,                     -- its serial number
  status               TEXT,                     -- online or offline, in Blink's words
  fw_version           TEXT,                     -- its firmware
  local_storage_status TEXT,                     -- of its stick: active, unavailable, …, in Blink's words
  seen_at              TEXT NOT NULL,            -- last listed
  raw                  TEXT NOT NULL             -- JSON, as Blink sent it
) STRICT;

CREATE TABLE cameras (                           -- likewise: cameras, Minis (owls) and doorbells
  id         INTEGER PRIMARY KEY,                -- Blink's
  network_id INTEGER REFERENCES networks (id),   -- its network, if Blink lists that
  family     TEXT NOT NULL,                      -- camera, owl or doorbell
  name       TEXT NOT NULL,                      -- as it is now; a clip keeps the name of its time
  type       TEXT NOT NULL,                      -- of hardware: catalina, owl, lotus, …, in Blink's words
  serial     TEXT,                               -- its serial number
  status     TEXT,                               -- done, online or offline, in Blink's words
  enabled    INTEGER,                            -- whether motion detection is on
  battery    TEXT,                               -- ok or low, in Blink's words; NULL: unsaid
  fw_version TEXT,                               -- its firmware
  seen_at    TEXT NOT NULL,                      -- last listed
  raw        TEXT NOT NULL                       -- JSON, as Blink sent it
) STRICT;

CREATE TABLE runs (                              -- each run of a command that works through the archive
  id         INTEGER PRIMARY KEY,                -- rising
  command    TEXT NOT NULL,                      -- sync, prune-remote, catalog rebuild, …
  started_at TEXT NOT NULL,                      -- when it began
  ended_at   TEXT,                               -- NULL: running, or killed
  exit_code  INTEGER,                            -- 0: done; the README has the others
  summary    TEXT                                -- JSON, what the command printed with --json
) STRICT;

CREATE TABLE readings (                          -- each device as Blink told of it: at a sync, if something
                                                 -- else than in its last row is so, or that is 50 minutes old
  run_id        INTEGER NOT NULL REFERENCES runs (id), -- the sync
  at            TEXT NOT NULL,                   -- when Blink told it
  device        TEXT NOT NULL,                   -- sync_module, camera, owl or doorbell
  device_id     INTEGER NOT NULL,                -- Blink's; its readings stay when it goes, so no foreign key
  status        TEXT,                            -- online, offline, done, …, in Blink's words
  enabled       INTEGER,                         -- whether motion detection is on
  armed         INTEGER,                         -- whether its network was
  battery       TEXT,                            -- ok or low, in Blink's words
  battery_bars  INTEGER,                         -- 0 to 3, as the app draws them
  temperature_f REAL,                            -- degrees Fahrenheit
  wifi          INTEGER,                         -- bars, 0 to 5, of the radio to the house
  lfr           INTEGER,                         -- bars, 0 to 5, of the radio to the sync module
  PRIMARY KEY (run_id, device, device_id)
) STRICT;

CREATE INDEX readings_device ON readings (device_id, at);

CREATE TABLE watermarks (                        -- from where Blink's list of changes is read next
  name         TEXT PRIMARY KEY,                 -- cloud: there is no other
  since        TEXT,                             -- Blink's clock at the last finished walk
  full_walk_at TEXT                              -- the last finished walk from 1970
) STRICT;

CREATE TABLE clips (                             -- every clip that Blink ever listed, a stick held, or that
                                                 -- was imported or recorded here, with a file or without
  id                     INTEGER PRIMARY KEY,    -- this catalog's own: a rebuild gives others
  origin                 TEXT NOT NULL,          -- cloud; usb: the stick of a sync module; import;
                                                 -- liveview: recorded by this program
  origin_key             TEXT NOT NULL,          -- cloud: Blink's id of the clip; usb: made of module,
                                                 -- camera, time and size; import: the file's SHA-256;
                                                 -- liveview: made of camera and time
  -- what Blink said of it
  created_at             TEXT NOT NULL,          -- when it was recorded
  updated_at             TEXT,                   -- Blink's time of its last change
  time_zone              TEXT NOT NULL,          -- IANA; the clip's, else the network's, else UTC
  created_local          TEXT NOT NULL,          -- local, with offset: 2026-11-23T14:52:07-05:00
  local_day              TEXT NOT NULL,          -- of created_local: 2026-11-23
  network_id             INTEGER,                -- Blink's; kept when the network goes, so no foreign key
  network_name           TEXT,                   -- at the time of the clip
  camera_id              INTEGER,                -- the same of the camera
  camera_name            TEXT,                   -- at the time of the clip
  sync_module_id         INTEGER,                -- usb: whose stick it lies on
  device_type            TEXT NOT NULL,          -- of the camera: catalina, owl, lotus, …
  type                   TEXT NOT NULL,          -- always video, so far
  source                 TEXT NOT NULL,          -- what triggered it: pir, liveview, …; import
  watched                INTEGER,                -- whether anybody had, at the first sighting
  watched_now            INTEGER,                -- the same at the last sighting
  partial                INTEGER NOT NULL,       -- whether Blink still wrote it when it was last listed
  media                  TEXT,                   -- its path at Blink
  thumbnail              TEXT,                   -- its thumbnail's path at Blink
  metadata               TEXT,                   -- JSON that Blink sent with it
  description            TEXT,                   -- what it shows, in the words of Blink's models
  labels                 TEXT,                   -- JSON list of what Blink's models detected; NULL: unsaid
  raw                    TEXT NOT NULL,          -- JSON, as Blink listed it; import: {"file": where it was}
  problem                TEXT,                   -- what the listing, or an imported file's name, lacked
  first_seen_at          TEXT NOT NULL,          -- first listed, or imported, here
  listed_at              TEXT NOT NULL,          -- last seen alive, or its tombstone, in the feed; imported
  -- the file
  path                   TEXT NOT NULL UNIQUE,   -- where it is, or will be
  bytes                  INTEGER,                -- its length, in bytes
  sha256                 TEXT,                   -- of its bytes, in hex; NULL: it never came
  duration               REAL,                   -- seconds, as the file itself tells
  unproven               TEXT,                   -- why the file could not be proven whole
  half_sha256            TEXT,                   -- of a file that was fetched while Blink was writing it, and
                                                 -- is to be replaced, now that Blink has it whole
  archived_at            TEXT,                   -- its file, whole and durable, got its name
  archived_run           INTEGER REFERENCES runs (id), -- the run that fetched it
  verified_at            TEXT,                   -- its file was last read back, and was right
  -- its thumbnail
  thumbnail_path         TEXT,                   -- where it is, or was; NULL: it never came
  thumbnail_bytes        INTEGER,                -- its length, in bytes
  thumbnail_sha256       TEXT,                   -- of its bytes, in hex
  thumbnail_archived_at  TEXT,                   -- its file, whole and durable, got its name
  thumbnail_missing_at   TEXT,                   -- Blink answered that there is none
  thumbnail_error        TEXT,                   -- why it could not be fetched last
  -- waiting
  attempts               INTEGER NOT NULL DEFAULT 0, -- how often it was tried to fetch it, in vain
  last_error             TEXT,                   -- why it could not be fetched last
  not_found_at           TEXT,                   -- Blink answered that there is no such clip
  next_try_at            TEXT,                   -- it is due again, after a failure or as a partial one
  -- decisions and ends
  excluded_at            TEXT,                   -- by the user: not to be fetched
  starred_at             TEXT,                   -- by the user: not to be pruned here
  note                   TEXT,                   -- what the user wrote about the clip
  own_labels             TEXT,                   -- JSON list of the user's own labels, sorted; NULL: none
  covered_by             INTEGER REFERENCES clips (id),
                                                 -- usb: the same recording, from the cloud
  gone_at                TEXT,                   -- lost at Blink before it could be fetched
  gone_reason            TEXT,                   -- why, in words
  delete_intended_at     TEXT,                   -- Blink is about to be asked to delete it
  delete_confirmed_at    TEXT,                   -- Blink said that it deleted it
  remote_deleted_at      TEXT,                   -- its tombstone was seen, or a full walk did not list it
  local_removed_at       TEXT,                   -- its files are not here any more; sha256 stays
  local_removed_reason   TEXT,                   -- pruned: by the user's wish; lost: missing or changed
  UNIQUE (origin, origin_key),
  CHECK ((sha256 IS NULL) = (archived_at IS NULL)),
  CHECK ((local_removed_at IS NULL) = (local_removed_reason IS NULL)),
  CHECK (local_removed_reason IN ('pruned', 'lost')),
  CHECK ((thumbnail_sha256 IS NULL) = (thumbnail_path IS NULL))
) STRICT;

CREATE INDEX clips_day ON clips (local_day);
CREATE INDEX clips_camera ON clips (camera_id, created_at);
CREATE INDEX clips_created ON clips (created_at);
CREATE UNIQUE INDEX clips_path ON clips (path COLLATE NOCASE);  -- disks that ignore case
CREATE INDEX clips_queue ON clips (created_at, id)
  WHERE sha256 IS NULL AND remote_deleted_at IS NULL AND gone_at IS NULL AND excluded_at IS NULL
    AND covered_by IS NULL;
CREATE INDEX clips_thumbnail_queue ON clips (created_at, id)
  WHERE sha256 IS NOT NULL AND thumbnail IS NOT NULL AND thumbnail_sha256 IS NULL
    AND thumbnail_missing_at IS NULL AND remote_deleted_at IS NULL AND local_removed_at IS NULL;
CREATE INDEX clips_verified ON clips (verified_at, id)
  WHERE sha256 IS NOT NULL AND local_removed_at IS NULL;

-- The words to search for. It holds only the index: the text is that of clips.
CREATE VIRTUAL TABLE clips_fts USING fts5 (
  camera_name, network_name, description, labels, note, own_labels,
  content="clips", content_rowid="id", tokenize="unicode61 remove_diacritics 2"
);

CREATE TRIGGER clips_fts_insert AFTER INSERT ON clips BEGIN
  INSERT INTO clips_fts (rowid, camera_name, network_name, description, labels, note, own_labels)
  VALUES (
    new.id, new.camera_name, new.network_name, new.description, new.labels, new.note, new.own_labels
  );
END;

CREATE TRIGGER clips_fts_update
AFTER UPDATE OF camera_name, network_name, description, labels, note, own_labels ON clips
WHEN (old.camera_name, old.network_name, old.description, old.labels, old.note, old.own_labels)
  IS NOT (new.camera_name, new.network_name, new.description, new.labels, new.note, new.own_labels)
BEGIN
  INSERT INTO clips_fts (
    clips_fts, rowid, camera_name, network_name, description, labels, note, own_labels
  ) VALUES (
    'delete', old.id, old.camera_name, old.network_name, old.description, old.labels, old.note,
    old.own_labels
  );
  INSERT INTO clips_fts (rowid, camera_name, network_name, description, labels, note, own_labels)
  VALUES (
    new.id, new.camera_name, new.network_name, new.description, new.labels, new.note, new.own_labels
  );
END;

CREATE TRIGGER clips_fts_delete AFTER DELETE ON clips BEGIN
  INSERT INTO clips_fts (
    clips_fts, rowid, camera_name, network_name, description, labels, note, own_labels
  ) VALUES (
    'delete', old.id, old.camera_name, old.network_name, old.description, old.labels, old.note,
    old.own_labels
  );
END;

CREATE TABLE events (                            -- what the program did that matters later
  id      INTEGER PRIMARY KEY,                   -- in the order in which they happened
  at      TEXT NOT NULL,                         -- when it did
  kind    TEXT NOT NULL,                         -- created, archived, adopted, clash, gone, delete_intended,
                                                 -- delete_confirmed, remote_deleted, listed_again, repaired,
                                                 -- lost, pruned, excluded, included, starred, unstarred,
                                                 -- noted, labelled, unlabelled, superseded, rebuilt,
                                                 -- exported, liveview, armed, …
  clip_id INTEGER REFERENCES clips (id),         -- of which clip; NULL: of none
  run_id  INTEGER REFERENCES runs (id),          -- in which run; NULL: in none
  detail  TEXT                                   -- JSON: what else is to be said, by kind
) STRICT;

CREATE INDEX events_clip ON events (clip_id);
CREATE INDEX events_kind ON events (kind);

CREATE TABLE dirty_days (                        -- clips.json and SHA256SUMS to be written anew
  local_day TEXT PRIMARY KEY                     -- of clips whose day it is: 2026-11-23
) STRICT;

CREATE VIEW clips_view AS                        -- every clip as people see it, its state in a word
SELECT
  clips.id,
  CASE clips.origin
    WHEN 'import' THEN 'import-' || substr(clips.origin_key, 1, 8)
    ELSE clips.origin_key
  END AS clip,                                   -- TEXT: as commands call it: its origin_key (of the
                                                 -- cloud: Blink's id), and a short form of an import's
  clips.created_local AS recorded,
  clips.local_day AS day,
  coalesce(networks.name, clips.network_name) AS network,   -- TEXT: its name now, else the one of its time
  coalesce(clips.camera_name, cameras.name) AS camera,      -- TEXT: its name then, else the one of now
  cameras.name AS camera_now,                    -- its name now; NULL: Blink never listed the camera
  clips.source,
  clips.labels,
  clips.description,
  CASE
    WHEN clips.local_removed_at IS NOT NULL THEN clips.local_removed_reason
    WHEN clips.sha256 IS NOT NULL THEN 'archived'
    WHEN clips.gone_at IS NOT NULL THEN 'gone'
    WHEN clips.remote_deleted_at IS NOT NULL THEN 'deleted'
    WHEN clips.excluded_at IS NOT NULL THEN 'excluded'
    WHEN clips.covered_by IS NOT NULL THEN 'covered'
    ELSE 'waiting'
  END AS status,                                 -- TEXT: archived: its file is here; waiting: for a sync;
                                                 -- gone: lost at Blink; deleted: there, before it came;
                                                 -- excluded: by the user; covered: another clip is the
                                                 -- same; pruned or lost: its file is not here any more
  CASE
    WHEN clips.local_removed_at IS NOT NULL THEN 'since ' || substr(clips.local_removed_at, 1, 10)
    WHEN clips.sha256 IS NOT NULL THEN 'unproven: ' || clips.unproven
    WHEN clips.gone_at IS NOT NULL THEN clips.gone_reason
    WHEN clips.remote_deleted_at IS NOT NULL OR clips.excluded_at IS NOT NULL THEN NULL
    WHEN clips.covered_by IS NOT NULL THEN 'the same recording as a clip of the cloud'
    WHEN clips.last_error IS NOT NULL THEN clips.last_error
    WHEN clips.half_sha256 IS NOT NULL THEN 'half of it is here, and Blink has it whole by now'
    WHEN clips.problem IS NOT NULL THEN clips.problem
    WHEN clips.partial THEN 'still being written at Blink'
  END AS reason,                                 -- TEXT: why it is not archived, or is unproven
  clips.duration,
  clips.bytes,
  clips.sha256,
  CASE WHEN clips.sha256 IS NOT NULL AND clips.local_removed_at IS NULL THEN clips.path
  END AS path,                                   -- TEXT: of its file; NULL: it is not here
  clips.thumbnail_path AS thumbnail,             -- path of its picture, if that came
  clips.starred_at IS NOT NULL AS starred,       -- INTEGER: whether the user starred it
  clips.own_labels,
  clips.note,
  clips.watched,
  clips.archived_at,
  clips.verified_at,
  clips.remote_deleted_at,
  clips.created_at AS created_utc,               -- when it was recorded, in UTC
  clips.origin,
  clips.network_id,
  clips.camera_id
FROM clips
LEFT JOIN cameras ON cameras.id = clips.camera_id
LEFT JOIN networks ON networks.id = clips.network_id;

CREATE VIEW daily AS                             -- what is here of each camera and day
SELECT
  local_day AS day,
  coalesce(camera_name, 'camera ' || camera_id) AS camera,  -- TEXT: its name at the time
  count(*) AS clips,                             -- INTEGER: how many
  sum(bytes) AS bytes,                           -- INTEGER: of clips, without thumbnails
  round(sum(duration), 1) AS seconds             -- REAL: of clips, together
FROM clips
WHERE sha256 IS NOT NULL AND local_removed_at IS NULL
GROUP BY 1, 2;

CREATE VIEW missing AS                           -- listed by Blink, and no file here that should be
SELECT clip, recorded, day, network, camera, source, status, reason
FROM clips_view
WHERE status IN ('waiting', 'gone', 'lost');
