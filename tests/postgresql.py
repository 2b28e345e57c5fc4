"""A PostgreSQL server of the tests' own, in a temporary folder, reached by a socket in it."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
from tests import waiting


def programs():
    """The folder of Debian's binaries, or whatever stands on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    on_path = shutil.which("postgres")
    if not found and on_path is None:
        raise RuntimeError("there is no PostgreSQL here; `make setup` installs it")
    return found[0].parent if found else Path(on_path).parent


def name_of(url):
    """The database's, of an address that a `Server` gave."""
    return url.partition("@/")[2].partition("?")[0]


def new_folder():
    """For a server, within reach of whoever it runs as."""
    return Path(tempfile.mkdtemp(prefix="strongroom-postgresql-"))


class Server:
    """One server; its words are compared as English does it, not byte by byte, as many a server's."""

    def __init__(self, primary=None, folder=None, settings=()):
        """`primary`: the server whose standby this one is.  `folder`: where nothing is but, if they are to be on
        disks of their own, `data` and `wal`, which are empty.  `settings`: each as `NAME=VALUE`.
        """
        self._settings = [each for setting in settings for each in ("-c", setting)]
        self.folder = folder or new_folder()
        self._as = {}
        if os.geteuid() == 0:  # it refuses to be root's
            nobody = pwd.getpwnam("nobody")
            for each in (self.folder, *self.folder.iterdir()):
                os.chown(each, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        if primary is None:
            self._make()
        else:
            self._run(
                *("pg_basebackup", "-D", self._data, "-R", "-X", "stream", "-c", "fast"),
                *("-h", primary.folder, "-U", "strongroom", "--no-sync"),
            )
        self._process = None
        self.start()
        if primary is not None:
            primary.await_standby()

    def _make(self):
        wal = self.folder / "wal"
        self._run(
            *("initdb", "-D", self._data, "-U", "strongroom", "-A", "trust", "-E", "UTF8"),
            *("--locale=C", "--locale-provider=icu", "--icu-locale=en", "--no-sync"),
            *(("--waldir", wal, "--wal-segsize", "1") if wal.exists() else ()),
        )

    def _run(self, program, *arguments):
        subprocess.run(
            [programs() / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as,
        )

    def start(self):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(programs() / "postgres", "-D", self._data, "-k", self.folder),
                    *("-c", "listen_addresses=", "-c", "max_connections=200"),
                    # What is lost with the machine is no matter here; what a killed server loses, is.
                    *("-c", "fsync=off", "-c", "full_page_writes=off"),
                    *self._settings,
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as,
            )
        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise RuntimeError(self._log.read_text()) from None
                time.sleep(0.02)
            else:
                return

    def url(self, name):
        return f"postgresql://strongroom@/{name}?host={self.folder}"

    def new(self):
        """The address of a database that is empty."""
        name = f"d{secrets.token_hex(8)}"
        self.do(f"CREATE DATABASE {name}")
        return self.url(name)

    def copy(self, url):
        """The address of a copy of a database that nobody uses."""
        name = f"d{secrets.token_hex(8)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {name_of(url)}")
        return self.url(name)

    def do(self, statement):
        """The first value that it gives, if it gives any."""
        with contextlib.closing(
            psycopg.connect(self.url("postgres"), autocommit=True)
        ) as connection:
            given = connection.execute(statement)
            return given.fetchone()[0] if given.description else None

    def await_standby(self):
        """Answer no commit from now on that a standby has not; return when there is one that says so."""
        self.do("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.do("SELECT pg_reload_conf()")
        until = time.monotonic() + 30
        while not self.do("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"):
            if time.monotonic() > until:
                raise RuntimeError("the standby does not follow")
            time.sleep(0.02)

    def promote(self):
        """Be the primary."""
        self.do("SELECT pg_promote()")

    @contextlib.contextmanager
    def hanging(self):
        """It neither answers nor hangs up meanwhile."""
        server = psutil.Process(self._process.pid)
        stopped = [server, *server.children()]
        for each in stopped:
            each.suspend()
        try:
            yield
        finally:
            for each in stopped:
                each.resume()

    @property
    def running(self):
        return self._process.poll() is None

    def wait_ended(self):
        """Until it has ended by itself."""
        self._process.wait(20)

    def kill(self):
        """As a crash does: SIGKILL to the server and all that it started."""
        server = psutil.Process(self._process.pid)
        waiting.kill([server, *server.children()])
        self._process.wait()

    def stop(self):
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)
