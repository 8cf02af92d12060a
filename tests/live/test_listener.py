"""Who listens at a port."""

import os
import socket

from agent_perf.live.listener import listening_process


def test_who_listens_is_found() -> None:
    """
    By the port alone; when it is closed, nobody.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        found = listening_process(port)

    assert os.getpid() == found
    assert listening_process(port) is None


def test_of_a_server_and_its_workers_the_first_is_meant() -> None:
    """
    A child that shares the socket is not the server.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:
        held, release = os.pipe()
        child = os.fork()
        if not child:
            os.close(release)
            os.read(held, 1)
            os._exit(0)
        try:
            found = listening_process(door.getsockname()[1])
        finally:
            os.close(release)
            os.close(held)
            os.waitpid(child, 0)

    assert os.getpid() == found
