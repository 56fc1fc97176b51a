"""What a response is made of leaves together, and in its order."""

import asyncio
import socket

import pytest

from je_sharing.http_protocol import JoinedWrites

# More than waits, and less than the system takes at once.
LARGE = b"x" * 20_000


class Noting(socket.socket):
    """A socket that notes what the system is given to send in one call."""

    def send(self, data, *arguments):
        sent = super().send(data, *arguments)
        self.calls.append(bytes(data[:sent]))
        return sent

    def sendmsg(self, pieces, *arguments):
        sent = super().sendmsg(pieces, *arguments)
        self.calls.append(b"".join(pieces)[:sent])
        return sent


async def write(*pieces, turns=0):
    """Write pieces, each after so many turns of the loop, and close; return the calls it took.

    The bytes travel, through asyncio's own transport, and arrive in their order.
    """
    ours, theirs = socket.socketpair()
    noting = Noting(ours.family, ours.type, ours.proto, ours.detach())
    noting.calls = []
    noting.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, noting)
    reader, writer = await asyncio.open_connection(sock=theirs)
    joined = JoinedWrites(transport, loop)
    for piece in pieces:
        joined.write(piece)
        for _ in range(turns):
            await asyncio.sleep(0)
    joined.close()
    assert await reader.read() == b"".join(pieces)
    writer.close()
    return noting.calls


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        ([b"head", LARGE], [b"head" + LARGE]),
        ([b"head", b"{}"], [b"head{}"]),
        ([b"head", b""], [b"head"]),
        ([b"head"], [b"head"]),
        ([b"head", LARGE, LARGE, b"end"], [b"head" + LARGE, LARGE, b"end"]),
        ([b"head", b"body", b"head", b"body"], [b"headbody", b"headbody"]),
        ([], []),
    ],
)
def test_what_is_written_at_once_leaves_together(pieces, sent):
    assert asyncio.run(write(*pieces)) == sent


def test_what_is_small_does_not_wait_for_long():
    assert asyncio.run(write(b"one", LARGE, b"two", turns=2)) == [b"one", LARGE, b"two"]
