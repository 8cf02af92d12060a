"""
A PostgreSQL of one run: on a port of its own, and nothing of it stays.
"""

from __future__ import annotations

import os
import secrets
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.services.address import Service, ServiceAddress
from agent_perf.live.services.guarded import Guarded, ServerOrder
from agent_perf.live.services.ports import LOOPBACK, ReservedPort
from agent_perf.live.services.postgres_greeting import Greeting, greeting_of
from agent_perf.live.services.programs import Program, server_user
from agent_perf.live.services.scratch import note_process, scratch_folder

_USER: Final = "agent_perf"
_START_S: Final = 30.0
_CONNECTIONS_MAX: Final = 200


@contextmanager
def embedded_postgres(program: Program) -> Iterator[ServiceAddress]:
    """
    Give the address of a PostgreSQL that was just started, and stop it at the end.

    It writes to disk as one in production does: a COMMIT waits for fsync.

    Raises:
        BrokenError: If it cannot be started.
        UsageError: If we are root, and its user cannot reach the folder of temporary files.
    """
    password = secrets.token_hex(16)
    with ReservedPort() as port, scratch_folder() as folder:
        data = folder / "data"
        data.mkdir(mode=0o700)
        secret = folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(f"{password}\n", encoding="ascii")
        if user := server_user():
            _require_way(folder, user.pw_name)
            # The server owns its data and nothing above, where others may only pass.
            folder.chmod(0o711)
            os.chown(data, user.pw_uid, user.pw_gid)
            os.chown(secret, user.pw_uid, user.pw_gid)
        _initialise(program, data, secret)
        server = Guarded(
            ServerOrder(
                name=program.name,
                command=_command(program, data, port.number),
                folder=data,
                log=folder / "log",
                environ={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                user=user,
                # What is thrown away needs no checkpoint first.
                stop_signal=signal.SIGQUIT,
                remove=str(folder),
            )
        )
        try:
            server.start()
            note_process(folder, server.pid)
            server.wait_until(lambda: _is_up(port.number), _START_S)
            yield ServiceAddress(
                service=Service.DATABASE,
                url=f"postgresql://{_USER}:{password}@{LOOPBACK}:{port.number}/postgres",
                about=program.name,
                is_embedded=True,
            )
        finally:
            server.stop()


def _require_way(folder: Path, user: str) -> None:
    for above in folder.parents:
        if not above.stat().st_mode & stat.S_IXOTH:
            raise UsageError(
                f"PostgreSQL refuses to run as root, and {user} cannot pass {above}; set TMPDIR "
                "to a folder that everybody can pass, such as /tmp"
            )


def _command(program: Program, data: Path, port: int) -> list[str]:
    settings = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": _CONNECTIONS_MAX,
        # What comes and goes by itself is noise in a run of seconds.
        "autovacuum": "off",
        "checkpoint_timeout": "1h",
        "max_wal_size": "4GB",
        "logging_collector": "off",
        "log_min_messages": "warning",
        "log_min_error_statement": "panic",
    }
    words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return [str(program.path), "-D", str(data), *words]


def _initialise(program: Program, data: Path, secret: Path) -> None:
    user = server_user()
    command = [
        str(program.path.with_name("initdb")),
        f"--pgdata={data}",
        f"--username={_USER}",
        "--auth=scram-sha-256",
        f"--pwfile={secret}",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    # A server refuses to be root, and so does what makes its folder.
    done = subprocess.run(
        command,
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-500:]
        raise BrokenError(f"{program.name}: initdb failed: {said}")


def _is_up(port: int) -> bool:
    return greeting_of(LOOPBACK, port, _USER) is Greeting.READY
