-- A made-up Matrix homeserver's database: the tables that hold most of a real one's bytes, with
-- text that compresses about as well. Deterministic; grows linearly with :events
-- (400000 makes about 1.1 GB on disk).
--
--   psql -v events=4000 -f homeserver.sql DATABASE
--
-- One more day of the same homeserver: events from first to events, and one row in a thousand changed:
--
--   psql -v first=4001 -v events=4040 -f homeserver.sql DATABASE
\set ON_ERROR_STOP on
\if :{?events}
\else
  \set events 4000
\endif
\if :{?first}
  \set begins false
\else
  \set begins true
  \set first 1
\endif
BEGIN;

-- Unguessable-looking text from a label: what ids, hashes, keys and ciphertexts look like.
CREATE FUNCTION pg_temp.token(label text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT rtrim(translate(encode(sha256(convert_to(label, 'UTF8')), 'base64'), '+/', '-_'), '=') $$;
CREATE FUNCTION pg_temp.blob(label text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT translate(encode(sha512(convert_to(label, 'UTF8')), 'base64'), E'\n=', '') $$;
CREATE FUNCTION pg_temp.event_id(n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT '$' || pg_temp.token('event' || n) $$;
CREATE FUNCTION pg_temp.room_id(n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT '!' || substr(pg_temp.token('room' || n % 2000), 1, 18) || ':example.org' $$;
CREATE FUNCTION pg_temp.user_id(n bigint) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT '@member' || n % 1000 || ':example.org' $$;

\if :begins
CREATE TABLE users (name text PRIMARY KEY, password_hash text, creation_ts bigint, admin smallint);
CREATE TABLE rooms (room_id text PRIMARY KEY, is_public boolean, creator text, room_version text);
CREATE TABLE events (
    stream_ordering bigint PRIMARY KEY, topological_ordering bigint NOT NULL,
    event_id text NOT NULL, type text NOT NULL, room_id text NOT NULL, sender text,
    origin_server_ts bigint, received_ts bigint, depth bigint,
    processed boolean, outlier boolean, contains_url boolean);
CREATE TABLE event_json (
    event_id text NOT NULL, room_id text NOT NULL, internal_metadata text NOT NULL,
    json text NOT NULL, format_version integer);
CREATE TABLE event_edges (event_id text NOT NULL, prev_event_id text NOT NULL, is_state boolean);
CREATE TABLE state_groups_state (
    state_group bigint NOT NULL, room_id text NOT NULL, type text NOT NULL,
    state_key text NOT NULL, event_id text NOT NULL);
CREATE TABLE e2e_one_time_keys_json (
    user_id text, device_id text, algorithm text, key_id text, ts_added_ms bigint, key_json text);
CREATE TABLE local_media_repository (
    media_id text PRIMARY KEY, media_type text, media_length integer, created_ts bigint,
    upload_name text, user_id text, blob_head bytea);
CREATE SEQUENCE events_stream_seq;

INSERT INTO users
SELECT '@member' || n || ':example.org', '$2b$12$' || pg_temp.token('password' || n),
       1600000000000 + n * 1000, 0
FROM generate_series(0, greatest(100, :events / 200)) n;

INSERT INTO rooms
SELECT pg_temp.room_id(n), n % 7 = 0, pg_temp.user_id(n), '10' FROM generate_series(0, 1999) n;
\endif

INSERT INTO events
SELECT n, n, pg_temp.event_id(n),
       CASE WHEN n % 5 IN (1, 2) THEN 'm.room.encrypted' WHEN n % 5 = 3 THEN 'm.room.member'
            WHEN n % 5 = 4 THEN 'm.reaction' ELSE 'm.room.message' END,
       pg_temp.room_id(n), pg_temp.user_id(n::bigint * 7919),
       1700000000000 + n * 137, 1700000000000 + n * 137 + n % 900, n, true, false, n % 11 = 0
FROM generate_series(:first, :events) n;

INSERT INTO event_json
SELECT event_id, room_id,
       json_build_object('token_id', 1000 + depth % 5000, 'stream_ordering', depth,
                         'instance_name', 'master')::text,
       json_build_object(
           'auth_events', json_build_array('$' || pg_temp.token('a' || depth % 3000),
                                           '$' || pg_temp.token('b' || depth % 3000)),
           'content', CASE WHEN type = 'm.room.encrypted' THEN json_build_object(
                   'algorithm', 'm.megolm.v1.aes-sha2',
                   'ciphertext', pg_temp.blob('x' || depth) || pg_temp.blob('y' || depth)
                                 || pg_temp.blob('z' || depth),
                   'device_id', upper(substr(md5('d' || depth % 4000), 1, 10)),
                   'sender_key', pg_temp.token('k' || depth % 4000),
                   'session_id', pg_temp.token('s' || depth / 50))
               ELSE json_build_object('msgtype', 'm.text', 'body', repeat(
                   'message to the members of room ' || depth % 97 || ', good morning everybody. ',
                   (1 + depth % 9)::int)) END,
           'depth', depth,
           'hashes', json_build_object('sha256', pg_temp.token('h' || depth)),
           'origin', 'example.org', 'origin_server_ts', origin_server_ts,
           'prev_events', json_build_array(pg_temp.event_id(depth - 1)),
           'room_id', room_id, 'sender', sender, 'type', type,
           'signatures', json_build_object('example.org', json_build_object(
               'ed25519:a_abcd', pg_temp.blob('sig' || depth))),
           'unsigned', json_build_object('age_ts', origin_server_ts))::text,
       3
FROM events WHERE stream_ordering >= :first;

INSERT INTO event_edges
SELECT event_id, pg_temp.event_id(depth - 1), false FROM events WHERE stream_ordering >= :first;

INSERT INTO state_groups_state
SELECT n / 25, pg_temp.room_id(n), 'm.room.member', pg_temp.user_id(n * 31),
       pg_temp.event_id(1 + n % :events)
FROM generate_series(:first * 2 - 1, :events * 2) n;

INSERT INTO e2e_one_time_keys_json
SELECT pg_temp.user_id(n), upper(substr(md5('d' || n % 4000), 1, 10)), 'signed_curve25519',
       'AAAA' || n, 1700000000000 + n, json_build_object('key', pg_temp.token('otk' || n))::text
FROM generate_series((:first - 1) / 10 + 1, :events / 10) n;

INSERT INTO local_media_repository
SELECT md5('media' || n), 'image/jpeg', 1000 + n % 900000, 1700000000000 + n,
       'IMG_' || n || '.jpg', pg_temp.user_id(n), sha512(convert_to('head' || n, 'UTF8'))
FROM generate_series((:first - 1) / 20 + 1, :events / 20) n;

\if :begins
CREATE UNIQUE INDEX events_event_id ON events (event_id);
CREATE INDEX events_room_stream ON events (room_id, stream_ordering);
CREATE UNIQUE INDEX event_json_event_id ON event_json (event_id);
CREATE INDEX event_edges_id ON event_edges (event_id);
CREATE INDEX state_groups_state_idx ON state_groups_state (state_group, type, state_key);
\else
UPDATE events SET received_ts = received_ts + 1
WHERE stream_ordering < :first AND hashint8(stream_ordering + :first) % 1000 = 0;
UPDATE event_json SET internal_metadata = internal_metadata || ' '
WHERE event_id IN (SELECT event_id FROM events
                   WHERE stream_ordering < :first AND hashint8(stream_ordering - :first) % 1000 = 0);
\endif
SELECT setval('events_stream_seq', :events) \g /dev/null
COMMIT;
ANALYZE;
