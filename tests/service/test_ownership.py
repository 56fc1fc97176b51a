"""Who may change a notebook and who may refresh a token, asked of the parts themselves."""

import uuid

import pytest
from service_parts import content, in_services, settings_of, share
from sqlalchemy import select, update

from je_sharing.database import migrate
from je_sharing.errors import NotFoundError, UnauthorizedError
from je_sharing.schema import notebooks, now, sessions
from je_sharing.tokens import Claims, mark_of_password

HASH = "stored hash"
MARK = mark_of_password(HASH)
SECOND = 1_000_000


@pytest.fixture(scope="module")
def run(backend_settings):
    """Runs a scenario in the parts of one service."""
    settings = settings_of(backend_settings("sqlite-folder"), refresh_reuse_grace_seconds=30)
    migrate(settings)
    return lambda scenario: in_services(settings, scenario)


async def may_change(services, notebook, claims):
    """Tell whether the ways to change a notebook let somebody, if they all agree."""
    answers = []
    for change in (
        lambda: services.notebooks.require_owner(notebook, claims),
        lambda: services.notebooks.update(notebook, claims, content()),
        lambda: services.notebooks.delete_as_owner(notebook, claims),
    ):
        try:
            await change()
            answers.append(True)
        except UnauthorizedError:
            answers.append(False)
    assert len(set(answers)) == 1, answers
    return answers[0]


async def with_password(services, owner, password_hash):
    found = await share(services, content(), owner)
    change = update(notebooks).where(notebooks.c.id == found.id)
    async with services.database.write() as connection:
        await connection.execute(change.values(password_hash=password_hash))
    return found


@pytest.mark.parametrize(
    ("password_hash", "notebook_id", "mark", "may"),
    [
        (HASH, "this", MARK, True),
        (HASH, "this", mark_of_password("another"), False),
        (HASH, "this", "", False),
        (HASH, "another", MARK, False),
        (HASH, None, MARK, False),
        (None, "this", MARK, False),
        (None, "this", "", False),
        (None, None, "", False),
    ],
)
def test_a_stranger_may_change_what_has_the_password_that_was_given_and_nothing_else(
    run, password_hash, notebook_id, mark, may
):
    async def scenario(services):
        found = await with_password(services, str(uuid.uuid4()), password_hash)
        names = {"this": found.id, "another": str(uuid.uuid4()), None: None}
        claims = Claims(str(uuid.uuid4()), 0, 0, names[notebook_id], mark)
        assert await may_change(services, found, claims) is may

    run(scenario)


def test_its_session_may_change_a_notebook_until_it_is_revoked(run):
    async def scenario(services):
        claims = await services.sessions.read(await services.sessions.issue())
        found, other = [await share(services, content(), claims.session_id) for _ in range(2)]
        assert await may_change(services, found, claims)
        revoke = update(sessions).where(sessions.c.id == claims.session_id)
        async with services.database.write() as connection:
            await connection.execute(revoke.values(revoked_at=now()))
        assert not await may_change(services, other, claims)

    run(scenario)


def test_what_was_deleted_meanwhile_is_said_to_be_gone(run):
    async def scenario(services):
        claims = Claims(str(uuid.uuid4()), 0, 0)
        found = await share(services, content(), claims.session_id)
        await services.notebooks.delete_as_owner(found, claims)
        for change in (
            lambda: services.notebooks.require_owner(found, claims),
            lambda: services.notebooks.update(found, claims, content()),
            lambda: services.notebooks.delete_as_owner(found, claims),
        ):
            with pytest.raises(NotFoundError):
                await change()

    run(scenario)


def test_a_refresh_keeps_what_the_token_says_and_its_session_alive(run):
    async def scenario(services):
        notebook_id = str(uuid.uuid4())
        token = await services.sessions.issue(notebook_id=notebook_id, password_mark=MARK)
        old = await services.sessions.read(token)
        row = select(sessions.c.expires_at, sessions.c.refreshed_at).where(
            sessions.c.id == old.session_id
        )
        async with services.database.read() as connection:
            assert (await connection.execute(row)).one().expires_at == old.expires_at * SECOND
        long_ago = now() - 3600 * SECOND
        async with services.database.write() as connection:
            change = update(sessions).where(sessions.c.id == old.session_id)
            await connection.execute(change.values(expires_at=0, refreshed_at=long_ago))
        new = await services.sessions.read(await services.sessions.refresh(token))
        assert (new.session_id, new.notebook_id, new.password_mark) == (
            old.session_id,
            notebook_id,
            MARK,
        )
        async with services.database.read() as connection:
            expires_at, refreshed_at = (await connection.execute(row)).one()
        assert expires_at == new.expires_at * SECOND
        assert refreshed_at > now() - 60 * SECOND

    run(scenario)


@pytest.mark.parametrize(("seconds_later", "revoked"), [(20, False), (40, True)])
def test_a_refreshed_token_that_comes_back_late_ends_its_session_and_no_other(
    run, seconds_later, revoked
):
    async def refused(services, token):
        with pytest.raises(UnauthorizedError, match="active"):
            await services.sessions.refresh(token)

    async def scenario(services):
        bystander = await services.sessions.issue()
        first = await services.sessions.issue()
        second = await services.sessions.refresh(first)
        session_id = (await services.sessions.read(first)).session_id
        async with services.database.write() as connection:
            # As if that refresh, and all there is, were older.
            await connection.execute(
                update(sessions).values(refreshed_at=now() - seconds_later * SECOND)
            )
        await refused(services, first)
        async with services.database.read() as connection:
            query = select(sessions.c.revoked_at).where(sessions.c.id == session_id)
            assert ((await connection.execute(query)).scalar() is not None) is revoked
        if revoked:
            await refused(services, second)
        else:
            await services.sessions.refresh(second)
        await services.sessions.refresh(bystander)

    run(scenario)


def test_a_session_is_forgotten_an_hour_and_the_skew_of_clocks_after_its_end(run):
    async def scenario(services):
        await services.sessions.delete_expired()
        kept, gone = [await services.sessions.read(await services.sessions.issue()) for _ in "ab"]
        patience = 3600 + services.settings.clock_skew_seconds
        async with services.database.write() as connection:
            for claims, since in ((kept, patience - 60), (gone, patience + 60)):
                change = update(sessions).where(sessions.c.id == claims.session_id)
                await connection.execute(change.values(expires_at=now() - since * SECOND))
        assert await services.sessions.delete_expired() == 1
        async with services.database.read() as connection:
            ids = set((await connection.execute(select(sessions.c.id))).scalars())
        assert kept.session_id in ids
        assert gone.session_id not in ids

    run(scenario)
