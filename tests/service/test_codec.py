"""What a token says, what is read from it, what a password's hash is: without a service."""

import asyncio
import time
import uuid

import jwt
import pytest

from je_sharing import passwords, uploads
from je_sharing.signing_keys import KeyRing
from je_sharing.tokens import InvalidTokenError, TokenCodec, mark_of_password

KEY, OTHER_KEY = b"k" * 64, b"o" * 64
SESSION, NOTEBOOK = str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture
def codec():
    return TokenCodec(KeyRing("a", {"a": KEY}), lifetime_seconds=60, skew_seconds=10)


def made(key=KEY, kid="a", algorithm="HS256", without=(), **claims):
    now = int(time.time())
    payload = {"session_id": SESSION, "iat": now, "exp": now + 60, **claims}
    for name in without:
        del payload[name]
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def test_what_is_signed_is_read_again(codec):
    token, claims = codec.sign(SESSION, notebook_id=NOTEBOOK, password_mark="m")
    assert codec.read(token) == claims
    assert (claims.session_id, claims.notebook_id, claims.password_mark) == (SESSION, NOTEBOOK, "m")
    assert claims.expires_at - claims.issued_at == 60


def test_a_token_without_a_notebook_says_nothing_of_one(codec):
    token, _ = codec.sign(SESSION)
    assert set(jwt.decode(token, KEY, algorithms=["HS256"])) == {"session_id", "iat", "exp"}
    assert "mark" not in jwt.get_unverified_header(token)
    assert codec.read(token).password_mark == ""


def test_two_tokens_of_one_second_differ(codec):
    assert codec.sign(SESSION)[0] != codec.sign(SESSION)[0]


# Said as what they are made of, not made here: every process that collects this module would
# make others, and the names of the tests would differ.
@pytest.mark.parametrize(
    "making",
    [
        {"key": OTHER_KEY},
        {"kid": "b"},
        {"algorithm": "HS512"},
        {"key": None, "algorithm": "none"},
        {"without": ["exp"]},
        {"without": ["iat"]},
        {"without": ["session_id"]},
        {"session_id": "me"},
        {"session_id": 7},
        {"notebook_id": "mine"},
        {"notebook_id": 7},
        {"exp": "soon"},
        {"kid": None},
    ],
    ids=str,
)
def test_what_is_no_token_of_ours_is_refused(codec, making):
    check_refused(codec, made(**making))


@pytest.mark.parametrize("token", ["", "a.b.c"])
def test_what_is_no_token_at_all_is_refused(codec, token):
    check_refused(codec, token)


def check_refused(codec, token):
    for _ in range(2):  # a refusal is not remembered as a success
        with pytest.raises(InvalidTokenError):
            codec.read(token)


@pytest.mark.parametrize(
    ("age", "is_good"), [(0, True), (65, True), (71, False), (-5, True), (-15, False)]
)
def test_a_token_ends_with_its_time_and_what_clocks_may_disagree(codec, age, is_good):
    issued = int(time.time()) - age
    token = made(iat=issued, exp=issued + 60)
    if is_good:
        assert codec.read(token).session_id == SESSION
    else:
        check_refused(codec, token)


def test_a_token_of_a_dropped_key_is_refused_although_it_was_read_before(codec):
    token, _ = codec.sign(SESSION)
    codec.read(token)
    codec.use(KeyRing("a", {"a": KEY, "b": OTHER_KEY}))
    codec.read(token)
    codec.use(KeyRing("b", {"b": OTHER_KEY}))
    with pytest.raises(InvalidTokenError):
        codec.read(token)


def test_a_key_that_is_not_known_is_told_from_a_token_that_is_none(codec):
    assert codec.knows_key_of(made())
    assert not codec.knows_key_of(made(kid="b"))
    assert codec.knows_key_of("nonsense")  # to load keys again would not help


def test_the_mark_of_a_password_tells_hashes_apart_and_does_not_hold_them():
    assert mark_of_password("one") != mark_of_password("two")
    assert len(mark_of_password("one")) == 32


def test_a_password_matches_itself_alone_and_its_hash_is_salted():
    async def scenario():
        one, two = [await passwords.hash_password("otter\ud800") for _ in range(2)]
        assert one != two
        assert one.startswith("scrypt$16384$8$1$")
        assert await passwords.password_matches("otter\ud800", one)
        assert not await passwords.password_matches("otter", one)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("042", 42),
        ("9" * 18, 10**18 - 1),
        *((text, None) for text in ("9" * 19, "", "-1", "+1", " 1", "1_0", "1.0", "²", "٣")),
    ],
)
def test_a_number_of_a_stranger_is_ascii_digits_and_not_many(text, number):
    assert uploads.whole_number(text) == number
