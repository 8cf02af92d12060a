"""
The cheapest service that plain Python can be: one epoll loop, one answer. Prints its port.
"""

from __future__ import annotations

import select
import socket

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def main() -> None:
    """Answer whatever is asked, for ever."""
    door = socket.create_server(("127.0.0.1", 0), backlog=1024)
    door.setblocking(False)
    poll = select.epoll()
    poll.register(door, select.EPOLLIN)
    print(door.getsockname()[1], flush=True)
    lines: dict[int, socket.socket] = {}
    while True:
        for handle, _ in poll.poll():
            if handle == door.fileno():
                line, _ = door.accept()
                line.setblocking(False)
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                lines[line.fileno()] = line
                poll.register(line, select.EPOLLIN)
                continue
            line = lines[handle]
            try:
                asked = line.recv(65_536)
            except OSError:
                asked = b""
            if asked:
                line.send(ANSWER)
            else:
                poll.unregister(handle)
                lines.pop(handle).close()


if __name__ == "__main__":
    main()
