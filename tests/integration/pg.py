"""A throwaway PostgreSQL server for tests: own data folder, Unix socket only, stopped by id.

    c = Cluster()                    # ends with the test; Cluster(whole_file=True): with the file
    c.sql("create database app")
    c.uri("app")                     # what a source's `uri` says
Root cannot run a server, so as root it runs as postgres or nobody, and everybody may connect
(trust), or auth="scram" with c.password for the superuser and for roles made with passwords."""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

import harness

MAJORS = ("15", "17", "16", "14", "13", "18")


def bin_dir():
    """Where the server's own programs are, the newest preferred major first."""
    for major in MAJORS:
        for pattern in ("/usr/lib/postgresql/%s/bin", "/usr/pgsql-%s/bin"):
            if os.access(os.path.join(pattern % major, "initdb"), os.X_OK):
                return pattern % major
    path = shutil.which("initdb")
    if path is None:
        harness.skip("no PostgreSQL server is installed")
    return os.path.dirname(os.path.realpath(path))


def _runner():
    """The user that runs servers when we are root, else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class Cluster:
    """One running server. host and port are what libpq wants (host: the socket's folder)."""

    def __init__(self, auth="trust", settings=(), whole_file=False, locale="C.UTF-8", initdb=()):
        self.bin, self.user = bin_dir(), "postgres"
        self.password = "correct horse battery staple" if auth == "scram" else None
        self.port = 5432
        self.dir = tempfile.mkdtemp(prefix="sbpg-", dir="/tmp")  # socket paths are short
        self.server = None
        (harness.defer_file if whole_file else harness.defer)(self.destroy)
        os.chmod(self.dir, 0o755)
        self.host, self.data = os.path.join(self.dir, "run"), os.path.join(self.dir, "data")
        self.log = os.path.join(self.dir, "log")
        owner = _runner()
        for folder in (self.host, self.data):
            os.mkdir(folder, 0o755 if folder == self.host else 0o700)
            if owner:
                os.chown(folder, owner.pw_uid, owner.pw_gid)
        self._initdb(auth, locale, owner, initdb)
        self._configure(settings)
        self.start()

    def _as(self, argv):
        owner = _runner()
        if owner:
            argv = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}",
                    "--clear-groups", *argv]
        return argv

    def _environment(self):
        keep = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return {**keep, "HOME": self.dir, "LC_ALL": "C.UTF-8"}

    def _initdb(self, auth, locale, owner, more):
        method = "scram-sha-256" if auth == "scram" else auth
        argv = [f"{self.bin}/initdb", "-D", self.data, "-U", self.user, "-A", method, "--no-sync",
                "-E", "UTF8", f"--locale={locale}", *more]
        if self.password:
            secret = harness.write_file(os.path.join(self.dir, "pw"), self.password, 0o600)
            if owner:
                os.chown(secret, owner.pw_uid, owner.pw_gid)
            argv.append(f"--pwfile={secret}")
        harness.run(self._as(argv), ok=True, env=self._environment(), cwd=self.dir)

    def _configure(self, settings):
        lines = ["listen_addresses = ''", f"port = {self.port}",
                 f"unix_socket_directories = '{self.host}'", "fsync = off", "shared_buffers = 32MB",
                 "max_wal_size = 256MB", "log_min_messages = warning", *settings]
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")

    def start(self):
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen(
                self._as([f"{self.bin}/postgres", "-D", self.data]), env=self._environment(),
                cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def ready():
            if self.server.poll() is not None:
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise harness.Failed("the server did not start: " + f.read()[-2000:])
            argv = [f"{self.bin}/pg_isready", "-q", "-h", self.host, "-p", str(self.port)]
            return subprocess.run(argv, check=False).returncode == 0
        harness.wait_until(ready, "PostgreSQL to start")

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast, SIGQUIT: at once, as after a crash."""
        if self.server is None or self.server.poll() is not None:
            return
        self.server.send_signal(how)  # setpriv became the postmaster: it is its id
        try:
            self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.send_signal(signal.SIGQUIT)
            self.server.wait(30)

    def destroy(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.dir, ignore_errors=True)

    def uri(self, database="postgres", user=None, password=None):
        quote = lambda text: urllib.parse.quote(text, safe="")
        password = password or (self.password if user is None else None)
        login = quote(user or self.user) + (":" + quote(password) if password else "")
        return (f"postgresql://{login}@/{quote(database)}?host={quote(self.host)}"
                f"&port={self.port}")

    def environment(self, user=None):
        """For psql and the like, with this server as their default."""
        e = {**self._environment(), "PGHOST": self.host, "PGPORT": str(self.port),
             "PGUSER": user or self.user, "PGDATABASE": "postgres"}
        if self.password:
            e["PGPASSWORD"] = self.password
        return e

    def tool(self, name, *arguments, ok=True, **options):
        """One of PostgreSQL's programs against this server: its CompletedProcess."""
        return harness.run([f"{self.bin}/{name}", *arguments], ok=ok,
                           env=self.environment(), **options)

    def sql(self, text, database="postgres", ok=True):
        """Run statements (each on its own, not in one transaction); unaligned rows as text."""
        argv = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", connect_name(database), "-f", "-"]
        return self.tool(*argv, ok=ok, input=text).stdout.strip()

    def session(self, database="postgres"):
        """A psql that stays connected: write statements to its stdin. Ends with the test."""
        return harness.start([f"{self.bin}/psql", "-XqAt", "-d", connect_name(database)],
                             env=self.environment(), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def dump(self, database):
        """The database as SQL text, the same for the same contents: for comparing."""
        return self.tool("pg_dump", "--restrict-key=compare", "-d", connect_name(database)).stdout

    def wait_for(self, query, what, database="postgres"):
        """Until the query gives t."""
        harness.wait_until(lambda: self.sql(query, database) == "t", what)


def connect_name(database):
    """A database name as a connection string, so that '=' and blanks in it are harmless."""
    return "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted(name):
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


SYNAPSE_TABLES = """
create table events (stream_ordering bigint primary key, event_id text not null unique,
  room_id text not null, type text not null, depth bigint, received_ts bigint);
create index events_room on events (room_id, stream_ordering);
create table event_json (event_id text primary key, json text not null);
create table local_media_repository (media_id text primary key, media_type text,
  media_length integer, created_ts bigint, upload_name text, user_id text);
create table e2e_one_time_keys_json (user_id text, device_id text, key_id text, key_json text,
  primary key (user_id, device_id, key_id));
create sequence cache_invalidation_stream_seq start 77;
insert into events select i, '$' || md5(i::text), '!r' || i % 50 || ':example.org', 'm.room.message',
  i, 1700000000000 + i from generate_series(1, {events}) i;
insert into event_json select '$' || md5(i::text), '{{"content":{{"body":"message ' || i
  || '","n":' || i || '}},"hashes":{{"sha256":"' || md5((i * 7)::text) || '"}}}}'
  from generate_series(1, {events}) i;
insert into local_media_repository select md5(i::text), 'image/png', i, i, E'n\\\\ame\\t' || i,
  '@u:example.org' from generate_series(1, 100) i;
insert into e2e_one_time_keys_json select '@u' || i, 'D', 'k' || i, '{{}}' from generate_series(1, 20) i;
"""


def make_synapse(cluster, name="synapse", events=2000):
    """A small database shaped like Synapse's, owned by its own role."""
    cluster.sql(f"create role {quoted(name + '_user')} login;"
                f"create database {quoted(name)} owner {quoted(name + '_user')} template template0"
                " encoding 'UTF8' lc_collate 'C' lc_ctype 'C'")
    cluster.sql(SYNAPSE_TABLES.format(events=events), name)
    return name

