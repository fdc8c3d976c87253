-- The catalog of a blink-archive, format 4.
--
-- Times are UTC text of one fixed width, 2026-11-23T19:52:07.000000Z, so that they sort as text.
-- Paths are relative to the archive's root, with "/". Booleans are 0 and 1.
-- "raw" is the JSON object as Blink sent it.
-- A row has facts, not a state: what a clip "is" follows from them, in clips_view.status.

CREATE TABLE accounts (
  id                 INTEGER PRIMARY KEY,        -- Blink's account id
  auto_delete_days   INTEGER,                    -- Blink deletes cloud clips after so many days
  described_at       TEXT,                       -- descriptions were last asked for, all of the list
  described_to       INTEGER NOT NULL DEFAULT 0, -- clips.id of the last one known for an hour then
  no_descriptions_at TEXT,                       -- Blink last answered that the account has none
  seen_at            TEXT
) STRICT;

CREATE TABLE archive (                           -- one row, the same as .blink-archive.json
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  uuid       TEXT NOT NULL,
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  format     INTEGER NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

CREATE TABLE networks (
  id         INTEGER PRIMARY KEY,                -- Blink's id, as in the next two tables
  account_id INTEGER NOT NULL REFERENCES accounts (id),
  name       TEXT NOT NULL,                      -- as it is now; a clip keeps the name of its time
  time_zone  TEXT,                               -- IANA
  armed      INTEGER,
  seen_at    TEXT NOT NULL,
  raw        TEXT NOT NULL
) STRICT;

CREATE TABLE sync_modules (
  id                   INTEGER PRIMARY KEY,
  network_id           INTEGER REFERENCES networks (id),
  name                 TEXT NOT NULL,
  type                 TEXT NOT NULL,
  serial               TEXT,
  status               TEXT,
  fw_version           TEXT,
  local_storage_status TEXT,
  seen_at              TEXT NOT NULL,
  raw                  TEXT NOT NULL
) STRICT;

CREATE TABLE cameras (
  id         INTEGER PRIMARY KEY,
  network_id INTEGER REFERENCES networks (id),
  family     TEXT NOT NULL,                      -- camera, owl or doorbell
  name       TEXT NOT NULL,
  type       TEXT NOT NULL,
  serial     TEXT,
  status     TEXT,
  enabled    INTEGER,                            -- motion detection
  battery    TEXT,
  fw_version TEXT,
  seen_at    TEXT NOT NULL,
  raw        TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  id         INTEGER PRIMARY KEY,
  command    TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at   TEXT,                               -- NULL: running, or killed
  exit_code  INTEGER,
  summary    TEXT                                -- JSON, what the command printed with --json
) STRICT;

CREATE TABLE readings (                          -- each device as Blink told of it, once a sync
  run_id        INTEGER NOT NULL REFERENCES runs (id),
  at            TEXT NOT NULL,
  device        TEXT NOT NULL,                   -- sync_module, camera, owl or doorbell
  device_id     INTEGER NOT NULL,                -- Blink's; devices go, their readings stay, so no foreign key
  status        TEXT,
  enabled       INTEGER,                         -- motion detection
  armed         INTEGER,                         -- its network was
  battery       TEXT,                            -- ok or low, in Blink's words
  battery_bars  INTEGER,                         -- 0 to 3, as the app draws them
  temperature_f REAL,                            -- degrees Fahrenheit
  wifi          INTEGER,                         -- bars, 0 to 5, as in the next
  lfr           INTEGER,                         -- bars of the radio to the sync module
  PRIMARY KEY (run_id, device, device_id)
) STRICT;

CREATE INDEX readings_device ON readings (device_id, at);

CREATE TABLE watermarks (
  name         TEXT PRIMARY KEY,                 -- cloud
  since        TEXT,                             -- Blink's clock at the last finished walk
  full_walk_at TEXT                              -- the last finished walk from 1970
) STRICT;

CREATE TABLE clips (
  id                     INTEGER PRIMARY KEY,
  origin                 TEXT NOT NULL,          -- cloud; usb: the stick of a sync module; import;
                                                 -- liveview: recorded by this program
  origin_key             TEXT NOT NULL,          -- cloud: Blink's id of the clip; usb: made of module,
                                                 -- camera, time and size; import: the file's SHA-256;
                                                 -- liveview: made of camera and time
  -- what Blink said of it
  created_at             TEXT NOT NULL,          -- when it was recorded
  updated_at             TEXT,                   -- Blink's time of its last change
  time_zone              TEXT NOT NULL,          -- IANA; the clip's, else the network's, else UTC
  created_local          TEXT NOT NULL,          -- 2026-11-23T14:52:07-05:00
  local_day              TEXT NOT NULL,          -- 2026-11-23, in time_zone
  network_id             INTEGER,                -- kept also when the network is gone, so no foreign key
  network_name           TEXT,                   -- at the time of the clip
  camera_id              INTEGER,                -- likewise
  camera_name            TEXT,
  sync_module_id         INTEGER,                -- usb: whose stick it lies on
  device_type            TEXT NOT NULL,
  type                   TEXT NOT NULL,          -- video
  source                 TEXT NOT NULL,          -- what triggered it: pir, liveview, …; import
  watched                INTEGER,                -- at the first sighting
  watched_now            INTEGER,
  partial                INTEGER NOT NULL,       -- still being written when last listed
  media                  TEXT,                   -- its path at Blink
  thumbnail              TEXT,                   -- its thumbnail's path at Blink
  metadata               TEXT,                   -- JSON
  description            TEXT,                   -- in the words of Blink's models
  labels                 TEXT,                   -- JSON list of what they detected, sorted; NULL: unsaid
  raw                    TEXT NOT NULL,          -- import: {"file": where it came from}
  problem                TEXT,                   -- what the listing, or an imported file's name, lacked
  first_seen_at          TEXT NOT NULL,
  listed_at              TEXT NOT NULL,          -- last seen alive, or its tombstone, in the feed; imported
  -- the file
  path                   TEXT NOT NULL UNIQUE,   -- where it is, or will be
  bytes                  INTEGER,
  sha256                 TEXT,
  duration               REAL,                   -- seconds, as the file itself tells
  unproven               TEXT,                   -- why the file could not be proven whole
  half_sha256            TEXT,                   -- of a file that was fetched while Blink was writing it, and
                                                 -- is to be replaced, now that Blink has it whole
  archived_at            TEXT,
  archived_run           INTEGER REFERENCES runs (id),
  verified_at            TEXT,
  -- its thumbnail
  thumbnail_path         TEXT,
  thumbnail_bytes        INTEGER,
  thumbnail_sha256       TEXT,
  thumbnail_archived_at  TEXT,
  thumbnail_missing_at   TEXT,                   -- Blink answered that there is none
  thumbnail_error        TEXT,
  -- waiting
  attempts               INTEGER NOT NULL DEFAULT 0,
  last_error             TEXT,
  not_found_at           TEXT,                   -- Blink answered that there is no such clip
  next_try_at            TEXT,
  -- decisions and ends
  excluded_at            TEXT,                   -- by the user: not to be fetched
  starred_at             TEXT,                   -- by the user: not to be pruned here
  note                   TEXT,                   -- by the user, about the clip
  own_labels             TEXT,                   -- JSON list of the user's own labels, sorted; NULL: none
  covered_by             INTEGER REFERENCES clips (id), -- usb: the same recording, from the cloud
  gone_at                TEXT,                   -- lost at Blink before it could be fetched
  gone_reason            TEXT,
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
  id      INTEGER PRIMARY KEY,
  at      TEXT NOT NULL,
  kind    TEXT NOT NULL,                         -- created, archived, adopted, clash, gone, delete_intended,
                                                 -- delete_confirmed, remote_deleted, listed_again, repaired,
                                                 -- lost, pruned, excluded, included, starred, unstarred,
                                                 -- noted, labelled, unlabelled, rebuilt, exported, liveview, …
  clip_id INTEGER REFERENCES clips (id),
  run_id  INTEGER REFERENCES runs (id),
  detail  TEXT                                   -- JSON
) STRICT;

CREATE INDEX events_clip ON events (clip_id);
CREATE INDEX events_kind ON events (kind);

CREATE TABLE dirty_days (                        -- clips.json and SHA256SUMS to be written anew
  local_day TEXT PRIMARY KEY
) STRICT;

CREATE VIEW clips_view AS
SELECT
  clips.id,
  CASE clips.origin
    WHEN 'import' THEN 'import-' || substr(clips.origin_key, 1, 8)
    ELSE clips.origin_key
  END AS clip,
  clips.created_local AS recorded,
  clips.local_day AS day,
  coalesce(networks.name, clips.network_name) AS network,
  coalesce(clips.camera_name, cameras.name) AS camera,
  cameras.name AS camera_now,
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
  END AS status,
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
  END AS reason,
  clips.duration,
  clips.bytes,
  clips.sha256,
  CASE WHEN clips.sha256 IS NOT NULL AND clips.local_removed_at IS NULL THEN clips.path END AS path,
  clips.thumbnail_path AS thumbnail,
  clips.starred_at IS NOT NULL AS starred,
  clips.own_labels,
  clips.note,
  clips.watched,
  clips.archived_at,
  clips.verified_at,
  clips.remote_deleted_at,
  clips.created_at AS created_utc,
  clips.origin,
  clips.network_id,
  clips.camera_id
FROM clips
LEFT JOIN cameras ON cameras.id = clips.camera_id
LEFT JOIN networks ON networks.id = clips.network_id;

CREATE VIEW daily AS
SELECT
  local_day AS day,
  coalesce(camera_name, 'camera ' || camera_id) AS camera,
  count(*) AS clips,
  sum(bytes) AS bytes,
  round(sum(duration), 1) AS seconds
FROM clips
WHERE sha256 IS NOT NULL AND local_removed_at IS NULL
GROUP BY 1, 2;

CREATE VIEW missing AS                           -- listed by Blink, and no file here that should be
SELECT clip, recorded, day, network, camera, source, status, reason
FROM clips_view
WHERE status IN ('waiting', 'gone', 'lost');
