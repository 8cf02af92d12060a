"""Decoders in several threads."""

import subprocess
import sys

# All threads ask for each class at the same instant, and take turns as often as Python can.
AT_ONCE = """\
import sys, threading
from dataclasses import make_dataclass
from agent_perf.decoding import decoder_of

NAMES = [f"f{index}" for index in range(20)]
KINDS = [
    make_dataclass("Kind", [(name, make_dataclass(name, [("x", int)])) for name in NAMES])
    for _ in range(20)
]
DATA = "{" + ",".join(f'"{name}":{{"x":1}}' for name in NAMES) + "}"
together = threading.Barrier(4)
read = []

def go():
    for kind in KINDS:
        together.wait()
        read.append(decoder_of(kind).decode(DATA).f19.x)

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=go) for _ in range(4)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print(sum(read))
"""


def test_threads_ask_first_at_once() -> None:
    """
    The process lives, where with msgspec's own function it is killed by a null pointer.
    """
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE], capture_output=True, timeout=60, check=False
    )

    assert (0, b"80\n", b"") == (done.returncode, done.stdout, done.stderr)
