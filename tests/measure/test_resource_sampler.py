"""What real processes take, as sampled."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from agent_perf.errors import BrokenError, ConfigError, UsageError
from agent_perf.measure import ResourceSampler, pool_gauge, record_command
from agent_perf.measure import established as module
from agent_perf.measure.process_tree import ProcessTree
from agent_perf.records import ResourceRun
from agent_perf.units import MIB

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")


def recorded(code: str, **options) -> ResourceRun:
    command = [sys.executable, "-I", "-S", "-c", code]
    return record_command(command, name="it", **{"interval_s": 0.05, **options})


def burn(cpu_s: float) -> str:
    return f"import time\nwhile time.process_time() < {cpu_s}: pass\n"


def test_cpu_seconds_are_those_that_were_burnt() -> None:
    """
    By the system's account to the hundredth; by the ticks to two of its 10 ms.
    """
    run = recorded(burn(0.3))

    assert 0.3 <= run.cpu_s < 0.34
    assert 0.25 < run.series["cpu"].total <= run.cpu_s + 0.02
    assert "exit 0" == run.end


def test_children_and_what_they_leave_behind_count() -> None:
    """
    A grandchild that has ended is in its parents' accounts; one that is alive is looked at.
    """
    child = f"import subprocess,sys;subprocess.run([sys.executable,'-I','-S','-c',{burn(0.15)!r}])"
    code = f"import subprocess,sys\nsubprocess.run([sys.executable,'-I','-S','-c',{child!r}])\n"
    run = recorded(code + "import time; time.sleep(0.1)")

    assert 0.15 <= run.cpu_s < 0.35
    assert run.series["cpu"].total >= 0.15
    assert run.series["processes"].sample_peak >= 2


@ON_LINUX
def test_the_seconds_of_an_orphan_stay_in_the_total() -> None:
    """
    Its parent has ended and nobody of ours waits for it: it is still looked at, and what it
    had used when it was last seen still counts when it is gone.
    """
    grandchild = burn(0.2) + "time.sleep(0.15)"
    child = (
        f"import subprocess,sys;subprocess.Popen([sys.executable,'-I','-S','-c',{grandchild!r}]);"
    )
    child += "import time;time.sleep(0.15)"
    code = (
        f"import subprocess,sys,time\nsubprocess.run([sys.executable,'-I','-S','-c',{child!r}])\n"
    )
    run = recorded(code + "time.sleep(1.2)")

    assert run.series["cpu"].total >= 0.18
    assert run.cpu_s < 0.18


def test_memory_is_what_was_held() -> None:
    """
    48 MiB that are held show at the ticks.
    """
    held = recorded("x = bytearray(48 << 20)\nimport time; time.sleep(0.2)")
    plain = recorded("import time; time.sleep(0.2)")
    more = held.series["memory"].sample_peak - plain.series["memory"].sample_peak

    assert 46 * MIB < more < 52 * MIB
    assert held.memory_peak_bytes >= held.series["memory"].sample_peak


@ON_LINUX
def test_a_peak_between_two_ticks_is_seen() -> None:
    """
    The system keeps the largest resident set: 48 MiB held for an instant are in the peak.
    """
    run = recorded("x = bytearray(48 << 20); del x\nimport time; time.sleep(0.7)", interval_s=0.5)

    assert run.memory_peak_bytes > 48 * MIB


@ON_LINUX
def test_bytes_written_to_a_disk_are_counted(tmp_path) -> None:
    """
    To the page; what is deleted again before it reached the disk was written all the same.
    """
    path = tmp_path / "written"
    code = (
        f"import os\nf = open({str(path)!r}, 'wb'); f.write(bytes(8 << 20)); os.fsync(f.fileno())"
    )
    run = recorded(code + "\nf.close()")
    written = run.series["disk_written"].total
    if not written:
        pytest.skip(f"{tmp_path} is on no disk: the system counts nothing")

    assert 8 * MIB <= written < 9 * MIB


def test_connections_to_given_ports_are_told_apart() -> None:
    """
    Three to the database's port, one to another: four in all, and each counts once though a
    fork holds it, too.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as database,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        ports = database.getsockname()[1], other.getsockname()[1]
        code = (
            "import os,socket,time\n"
            f"held = [socket.create_connection(('127.0.0.1', {ports[0]})) for _ in range(3)]\n"
            f"held.append(socket.create_connection(('127.0.0.1', {ports[1]})))\n"
            "pid = os.fork()\n"
            "time.sleep(0.4)\n"
            "if pid: os.waitpid(pid, 0)\n"
        )
        run = recorded(code, ports=(ports[0],))

    assert 3 == run.series["db_connections"].sample_peak
    assert 4 == run.series["connections"].sample_peak
    assert 2 == run.series["processes"].sample_peak


@ON_LINUX
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_ways_of_asking_for_connections_agree(host) -> None:
    """
    Netlink, which is cheap, and the tables of the namespace, which are everywhere.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"no {host} here")
    with listener, socket.create_connection(listener.getsockname()[:2]) as client:
        inode = os.fstat(client.fileno()).st_ino
        ports = {
            way: dict(found).get(inode)
            for way, found in (
                ("netlink", module._asked(family)),
                ("table", module._read(os.getpid())),
            )
        }

        port = listener.getsockname()[1]
        assert {"netlink": port, "table": port} == ports
        assert inode in module.sockets(psutil.Process())


@ON_LINUX
def test_bytes_of_the_network_are_those_of_the_namespace() -> None:
    """
    4 MiB over the loopback are sent and received.
    """
    code = (
        "import socket,threading\n"
        "s = socket.create_server(('127.0.0.1', 0))\n"
        "def drain():\n"
        "    c, _ = s.accept()\n"
        "    while c.recv(1 << 16): pass\n"
        "    c.close()\n"
        "t = threading.Thread(target=drain); t.start()\n"
        "c = socket.create_connection(s.getsockname()); c.sendall(bytes(4 << 20)); c.close()\n"
        "t.join(); import time; time.sleep(0.12)\n"
    )
    run = recorded(code)

    assert run.series["network_sent"].total >= 4 * MIB
    assert run.series["network_received"].total >= 4 * MIB


def test_a_process_that_dies_ends_the_recording() -> None:
    """
    It is an end and no error, whoever its parent is.
    """
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])
    with ResourceSampler(process.pid, name="it", interval_s=0.05) as sampler:
        process.kill()
        process.wait()
        assert sampler.wait(10.0)
    run = sampler.result()

    assert "gone" == run.end
    assert sampler.is_gone
    assert run.tick_count >= 1


def test_a_command_that_fails_tells_how() -> None:
    """
    Exit codes and signals are told; what cannot be started is the caller's mistake.
    """
    assert "exit 3" == recorded("raise SystemExit(3)").end
    assert "signal 9" == recorded("import os; os.kill(os.getpid(), 9)").end
    with pytest.raises(UsageError, match="cannot start 'no-such-program'"):
        record_command(["no-such-program"], name="it")
    with pytest.raises(UsageError, match="no command"):
        record_command([], name="it")


def test_a_command_whose_time_is_over_is_stopped() -> None:
    """
    Its end is ours, and it is not left behind.
    """
    run = recorded("import time; time.sleep(60)", for_s=0.2)

    assert "stopped" == run.end
    assert 0.2 <= run.duration_s < 5.0


@pytest.mark.parametrize("interval_s", [0.0, 0.049, 10.1, float("nan"), -1.0])
def test_an_interval_that_cannot_be_kept_is_refused(interval_s) -> None:
    """
    The message has the value and the bounds.
    """
    with pytest.raises(ConfigError, match=r"interval of .* s; want 0\.05 to 10 s"):
        ResourceSampler(os.getpid(), name="it", interval_s=interval_s)


def test_a_process_that_is_not_there_is_refused() -> None:
    """
    Before anything is measured.
    """
    with pytest.raises(UsageError, match="no process has the id 4194303"):
        ResourceSampler(4194303, name="it")


@ON_LINUX
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another")
def test_what_another_user_owns_is_told_and_not_guessed(tmp_path) -> None:
    """
    Somebody else's CPU and memory are seen, their bytes and files are not: those are left
    out with the reason, for half of a sum is a wrong figure.
    """
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        tree = ProcessTree(os.getppid())
        reading = tree.read()
        seen = {*reading.counters, *reading.levels}
        right = (
            {"cpu", "memory"} <= seen
            and not {"disk_written", "files", "connections"} & seen
            and "permission denied" in tree.notes["files"]
        )
        os._exit(0 if right else 1)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_what_a_system_does_not_tell_is_left_out(monkeypatch) -> None:
    """
    On macOS processes have no counters of their disk traffic: that is told once.
    """
    monkeypatch.delattr(psutil.Process, "io_counters")
    with ResourceSampler(os.getpid(), name="it", interval_s=0.05) as sampler:
        time.sleep(0.12)
    run = sampler.result()

    assert {"disk_read", "disk_written"}.isdisjoint(run.series)
    assert [
        f"disk_read, disk_written: not measured, {sys.platform} does not tell it of a process"
    ] == [note for note in run.notes if "disk" in note]


def test_a_clock_that_jumps_costs_ticks_and_nothing_else() -> None:
    """
    A machine that slept for a minute missed some; none of them is made up for.
    """
    jumps = iter([0.0])

    def clock() -> float:
        now_s = time.monotonic()
        if now_s - begun_s > 0.15:
            next(jumps, None)
            return now_s + 60.0
        return now_s

    begun_s = time.monotonic()
    with ResourceSampler(os.getpid(), name="it", interval_s=0.05, clock=clock) as sampler:
        time.sleep(0.4)
    run = sampler.result()

    assert run.missed_count >= 1199
    assert run.tick_count < 12
    assert 60.0 < run.duration_s < 70.0
    assert run.series["cpu"].sample_peak < 60


def test_gauges_tell_what_only_the_program_knows() -> None:
    """
    A pool's connections in use are looked at with every tick.
    """
    pool = SimpleNamespace(in_use=7)
    gauges = {"db_connections": pool_gauge(lambda: pool)}
    with ResourceSampler(os.getpid(), name="it", interval_s=0.05, gauges=gauges) as sampler:
        time.sleep(0.12)

    assert 7.0 == sampler.result().series["db_connections"].sample_mean
    with pytest.raises(ConfigError, match="gauge 'db_conections'; want one of memory"):
        ResourceSampler(os.getpid(), name="it", gauges={"db_conections": lambda: 1.0})


def test_a_gauge_that_fails_is_told_once() -> None:
    """
    The rest goes on.
    """
    asked = []

    def gauge() -> float:
        asked.append(1)
        raise BrokenError("nobody answers")

    with ResourceSampler(
        os.getpid(), name="it", interval_s=0.05, gauges={"db_connections": gauge}
    ) as sampler:
        time.sleep(0.12)
    run = sampler.result()

    assert ("db_connections: not measured, nobody answers",) == run.notes
    assert 1 == len(asked)
    assert "db_connections" not in run.series
    assert run.series["memory"].sample_count >= 2


def test_sampling_costs_little_and_says_what() -> None:
    """
    CPU time of the sampler's own thread: below 1 % of a core at two ticks a second, which
    is 5 ms a tick.
    """
    with ResourceSampler(os.getpid(), name="it", interval_s=0.05) as sampler:
        time.sleep(0.6)
    run = sampler.result()

    assert 0 < run.sampler_cpu_s / run.tick_count < 0.005
    assert run.sampler_cpu_s / run.duration_s == run.sampler_ratio


def test_the_working_folder_of_a_command_can_be_chosen(tmp_path: Path) -> None:
    """
    It is where its files go.
    """
    recorded("open('here', 'w').close()", folder=tmp_path)

    assert (tmp_path / "here").exists()
