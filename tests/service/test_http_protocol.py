"""What a response is made of leaves together, and in its order."""

import asyncio

import pytest

from je_sharing.http_protocol import JoinedWrites

LARGE = b"x" * 100_000


class Wire:
    """A transport that notes what it is given."""

    def __init__(self):
        self.sent = []

    def write(self, data):
        self.sent.append(bytes(data))

    def writelines(self, lines):
        self.sent.append(b"".join(lines))

    def close(self):
        self.sent.append("closed")


async def write(*pieces, turns=0):
    """Write pieces, each after so many turns of the loop, and close; return what was sent when."""
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())
    for piece in pieces:
        joined.write(piece)
        for _ in range(turns):
            await asyncio.sleep(0)
    joined.close()
    return wire.sent


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
    assert asyncio.run(write(*pieces)) == [*sent, "closed"]


def test_what_is_small_does_not_wait_for_long():
    assert asyncio.run(write(b"one", LARGE, b"two", turns=2)) == [b"one", LARGE, b"two", "closed"]
