-- What `blink-archive query NAME` asks; `query --list` shows them all. After its name, each has a title and a
-- line for people. Columns say their units: bytes, seconds, hours, clips, days; a time that ends in _utc is an
-- instant, all others are the clips' local ones. A camera has the name that it had when it recorded.

-- name: battery
-- title: Batteries
-- help: Each device with a battery as it was last read, and since when it is so; bars are 0 to 3, as the app draws them.
WITH
  told AS (
    SELECT
      device, device_id, at, battery, battery_bars,
      lag(battery) OVER by_time IS NOT battery OR lag(battery_bars) OVER by_time IS NOT battery_bars AS changed
    FROM readings
    WHERE battery IS NOT NULL OR battery_bars IS NOT NULL
    WINDOW by_time AS (PARTITION BY device_id ORDER BY at)
  ),
  latest AS (
    SELECT device, device_id, max(at) AS read_utc, battery, battery_bars, max(at) FILTER (WHERE changed) AS since_utc
    FROM told
    GROUP BY device_id
  )
SELECT
  coalesce(name, device || ' ' || device_id) AS camera, latest.battery, battery_bars, since_utc, read_utc
FROM latest LEFT JOIN cameras ON cameras.id = device_id
ORDER BY battery_bars, latest.battery = 'ok', 1;

-- name: busiest-days
-- title: Busiest days
-- help: The fifty days with the most clips.
SELECT
  local_day AS day,
  substr('SunMonTueWedThuFriSat', 3 * strftime('%w', local_day) + 1, 3) AS weekday,
  clips,
  bytes,
  round(seconds / 3600.0, 2) AS hours
FROM (
  SELECT local_day, count(*) AS clips, sum(bytes) AS bytes, total(duration) AS seconds
  FROM clips
  WHERE covered_by IS NULL
  GROUP BY local_day
  ORDER BY clips DESC, local_day DESC
  LIMIT 50
);

-- name: busiest-hours
-- title: Busiest hours
-- help: How many clips were recorded at which hour of the day.
SELECT
  substr(created_local, 12, 2) || ':00' AS hour,
  count(*) AS clips,
  round(100.0 * count(*) / sum(count(*)) OVER (), 1) AS percent_of_clips
FROM clips
WHERE covered_by IS NULL
GROUP BY hour
ORDER BY clips DESC, hour;

-- name: clips-by-status
-- title: Clips by status
-- help: What became of the clips, and how much of them is here.
SELECT
  status,
  count(*) AS clips,
  coalesce(sum(bytes) FILTER (WHERE path IS NOT NULL), 0) AS bytes_here
FROM clips_view
GROUP BY status
ORDER BY clips DESC;

-- name: clips-by-trigger
-- title: Clips by trigger
-- help: What made the cameras record: motion (pir), a button, a person in the app, …
SELECT
  source AS trigger,
  count(*) AS clips,
  coalesce(sum(bytes), 0) AS bytes,
  round(total(duration) / 3600, 2) AS hours
FROM clips
WHERE covered_by IS NULL
GROUP BY source
ORDER BY clips DESC, source;

-- name: deletions
-- title: Deleted at Blink
-- help: By day, how many clips were deleted there: by this program, and otherwise (by the app, or by their age).
SELECT
  substr(coalesce(delete_confirmed_at, remote_deleted_at), 1, 10) AS day_utc,
  count(delete_confirmed_at) AS clips_by_this_program,
  count(*) - count(delete_confirmed_at) AS clips_otherwise,
  count(*) FILTER (WHERE sha256 IS NULL) AS clips_never_archived
FROM clips
WHERE delete_confirmed_at IS NOT NULL OR remote_deleted_at IS NOT NULL
GROUP BY day_utc
ORDER BY day_utc DESC;

-- name: duplicates
-- title: Duplicates
-- help: The files that are here with the same bytes as another one.
WITH
  alike AS (                       -- of one length: few, and what has the same hash is among them
    SELECT '[' || group_concat(id) || ']' AS ids
    FROM clips NOT INDEXED
    WHERE sha256 IS NOT NULL AND local_removed_at IS NULL
    GROUP BY bytes
    HAVING count(*) > 1
  ),
  hashed AS (
    SELECT clips.id, count(*) OVER (PARTITION BY clips.sha256) AS files
    FROM alike JOIN json_each(alike.ids) JOIN clips ON clips.id = json_each.value
  )
SELECT sha256, files, bytes, clip, recorded, camera, path
FROM hashed JOIN clips_view USING (id)
WHERE files > 1
ORDER BY bytes DESC, sha256, created_utc, id;

-- name: failures
-- title: What waits, and why
-- help: The clips that are listed and not here yet: how often they were tried, what was wrong, and when they are next.
SELECT
  clips_view.clip,
  clips_view.recorded,
  clips_view.camera,
  clips.attempts,
  clips_view.reason,
  clips.next_try_at AS next_try_utc
FROM clips JOIN clips_view USING (id)
WHERE clips.sha256 IS NULL AND clips.remote_deleted_at IS NULL AND clips.gone_at IS NULL
  AND clips.excluded_at IS NULL AND clips.covered_by IS NULL
ORDER BY clips.created_at, clips.id;

-- name: gaps
-- title: Days without clips
-- help: Spans of whole days on which a camera recorded nothing, from its first clip to the last sync that saw Blink's list; the longest first.
WITH
  days AS (
    SELECT coalesce(camera_name, 'camera ' || camera_id) AS camera, local_day AS day
    FROM clips
    GROUP BY 1, 2
  ),
  ends AS (
    SELECT camera, max(last_sync, max(day)) AS day
    FROM days, (
      SELECT coalesce(max(substr(started_at, 1, 10)), '') AS last_sync
      FROM runs
      WHERE command = 'sync' AND (exit_code IN (0, 3) OR json_extract(summary, '$.walk_finished'))
    )
    GROUP BY camera
  ),
  spans AS (
    SELECT camera, lag(day) OVER (PARTITION BY camera ORDER BY day) AS before, day AS after
    FROM (SELECT * FROM days UNION SELECT * FROM ends)
  )
SELECT
  camera,
  date(before, '+1 day') AS first_day,
  date(after, '-1 day') AS last_day,
  CAST(julianday(after) - julianday(before) AS INTEGER) - 1 AS days
FROM spans
WHERE after > date(before, '+1 day')
ORDER BY days DESC, camera, first_day;

-- name: labels
-- title: Labels
-- help: What was seen on how many clips, in Blink's words and in yours.
SELECT label, sum(clips) FILTER (WHERE NOT yours) AS clips_by_blink, sum(clips) FILTER (WHERE yours) AS clips_by_you
FROM (
  SELECT value AS label, clips, 0 AS yours
  FROM (SELECT labels, count(*) AS clips FROM clips WHERE labels <> '[]' GROUP BY labels), json_each(labels)
  UNION ALL
  SELECT value, clips, 1
  FROM (SELECT own_labels, count(*) AS clips FROM clips WHERE own_labels IS NOT NULL GROUP BY own_labels),
    json_each(own_labels)
)
GROUP BY label
ORDER BY coalesce(sum(clips), 0) DESC, label;

-- name: longest-clips
-- title: Longest clips
-- help: The fifty longest recordings that are here.
SELECT clip, recorded, camera, duration AS seconds, bytes, path
FROM clips_view
WHERE path IS NOT NULL AND duration IS NOT NULL
ORDER BY duration DESC, created_utc
LIMIT 50;

-- name: losses
-- title: Losses
-- help: Clips that were lost at Blink before they could be fetched, and files that are missing or changed here.
SELECT
  clips_view.clip,
  clips_view.recorded,
  clips_view.camera,
  clips_view.status,
  clips_view.reason,
  coalesce(clips.local_removed_at, clips.gone_at) AS noticed_utc
FROM clips JOIN clips_view USING (id)
WHERE clips.gone_at IS NOT NULL OR clips.local_removed_reason = 'lost'
ORDER BY noticed_utc DESC, clips.id;

-- name: notes
-- title: Your notes and labels
-- help: The clips that you wrote something about.
SELECT clip, recorded, camera, own_labels, note, path
FROM clips_view
WHERE note IS NOT NULL OR own_labels IS NOT NULL
ORDER BY created_utc, id;

-- name: runs
-- title: Runs
-- help: The last hundred runs: how long, how many clips were fetched, and how they ended (exit code 0: well).
SELECT
  id AS run,
  command,
  started_at AS started_utc,
  round((julianday(ended_at) - julianday(started_at)) * 86400, 1) AS seconds,
  json_extract(summary, '$.fetched') AS clips_fetched,
  json_extract(summary, '$.bytes') AS bytes_fetched,
  coalesce(json_extract(summary, '$.ended_with'), exit_code) AS exit_code
FROM runs
ORDER BY id DESC
LIMIT 100;

-- name: starred
-- title: Starred clips
-- help: The clips that you starred, which are kept here whatever is pruned.
SELECT
  clips_view.clip, clips_view.recorded, clips_view.camera, clips.starred_at AS starred_utc, clips_view.note,
  clips_view.path
FROM clips JOIN clips_view USING (id)
WHERE clips.starred_at IS NOT NULL
ORDER BY clips.created_at, clips.id;

-- name: storage-by-camera
-- title: Storage by camera
-- help: What the files of each camera take on the disk.
SELECT
  coalesce(camera_name, 'camera ' || camera_id) AS camera,
  count(*) AS clips,
  sum(bytes) AS bytes,
  round(100.0 * sum(bytes) / sum(sum(bytes)) OVER (), 1) AS percent_of_bytes,
  round(total(duration) / 3600, 2) AS hours,
  min(local_day) AS first_day,
  max(local_day) AS last_day
FROM clips NOT INDEXED
WHERE sha256 IS NOT NULL AND local_removed_at IS NULL
GROUP BY 1
ORDER BY bytes DESC, camera;

-- name: storage-by-month
-- title: Storage by month
-- help: What the files of each month take on the disk.
SELECT
  substr(local_day, 1, 7) AS month,
  count(*) AS clips,
  sum(bytes) AS bytes,
  round(total(duration) / 3600, 2) AS hours
FROM clips NOT INDEXED
WHERE sha256 IS NOT NULL AND local_removed_at IS NULL
GROUP BY month
ORDER BY month DESC;

-- name: temperature
-- title: Temperatures
-- help: The lowest, mean and highest temperature that each camera told in a month, in degrees of both kinds.
SELECT
  month,
  coalesce(name, device || ' ' || device_id) AS camera,
  round(lowest) AS lowest_f,
  round(mean) AS mean_f,
  round(highest) AS highest_f,
  round((lowest - 32) / 1.8) AS lowest_c,
  round((mean - 32) / 1.8) AS mean_c,
  round((highest - 32) / 1.8) AS highest_c
FROM (
  SELECT
    substr(at, 1, 7) AS month, device, device_id,
    min(temperature_f) AS lowest, avg(temperature_f) AS mean, max(temperature_f) AS highest
  FROM readings
  WHERE temperature_f IS NOT NULL
  GROUP BY month, device_id
)
LEFT JOIN cameras ON cameras.id = device_id
ORDER BY month DESC, camera;

-- name: unverified
-- title: Not verified for the longest time
-- help: The hundred files that were read back the longest ago, or never; `blink-archive verify` reads them first.
SELECT
  clips_view.clip,
  clips_view.recorded,
  clips_view.camera,
  clips.archived_at AS archived_utc,
  clips.verified_at AS verified_utc,
  clips.bytes,
  clips.path
FROM clips JOIN clips_view USING (id)
WHERE clips.sha256 IS NOT NULL AND clips.local_removed_at IS NULL
ORDER BY clips.verified_at, clips.id
LIMIT 100;
