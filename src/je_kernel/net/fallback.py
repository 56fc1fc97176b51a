"""What is done when a request got no response: a kept copy, a relay, or an error that explains.

A kept copy answers for a network that is gone; a relay, for a site that does
not let notebooks read it. Neither hides any other failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from je_kernel import settings
from je_kernel.net import relay, response_cache
from je_kernel.net.diagnostics import diagnose, diagnose_async
from je_kernel.net.error_messages import network_error
from je_kernel.net.failure import TransportFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from je_kernel.errors import NetworkError
    from je_kernel.net.diagnostics import Diagnosis
    from je_kernel.net.message import Request, Response

__all__ = ["recover", "recover_async"]


def recover(failure: TransportFailure, send: Callable[[Request], Response]) -> Response:
    """Find another way to what a request asked for, or say why there is none.

    Parameters
    ----------
    failure
        What the transport saw.
    send
        How a request is sent; it raises `TransportFailure`.

    Returns
    -------
    Response
        A kept copy, with a warning, or what a relay has fetched.

    Raises
    ------
    NetworkError
        When there is no other way.
    """
    diagnosis = diagnose(failure)
    error = _explained(failure, diagnosis)
    if diagnosis.may_lack_network:
        copy = response_cache.recall(failure.request)
        if copy is not None:
            return copy
    if (detour := _detour(failure.request, diagnosis)) is not None:
        try:
            steps = relay.ask(failure.request, detour)
            asked = next(steps)
            while True:
                asked = steps.send(send(asked))
        except StopIteration as end:
            response = end.value
        except TransportFailure:
            raise error from None
        if 200 <= response.status < 300:
            return relay.answer_of(failure.request, response)
    raise error from None


async def recover_async(
    failure: TransportFailure, send: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Find another way to what a request asked for: as `recover`, from a coroutine.

    Parameters
    ----------
    failure
        What the transport saw.
    send
        How a request is sent; it raises `TransportFailure`.
    """
    diagnosis = await diagnose_async(failure)
    error = _explained(failure, diagnosis)
    if diagnosis.may_lack_network:
        copy = await response_cache.recall_async(failure.request)
        if copy is not None:
            return copy
    if (detour := _detour(failure.request, diagnosis)) is not None:
        try:
            steps = relay.ask(failure.request, detour)
            asked = next(steps)
            while True:
                asked = steps.send(await send(asked))
        except StopIteration as end:
            response = end.value
        except TransportFailure:
            raise error from None
        if 200 <= response.status < 300:
            return relay.answer_of(failure.request, response)
    raise error from None


def _explained(failure: TransportFailure, diagnosis: Diagnosis) -> NetworkError:
    error = network_error(failure, diagnosis)
    if _relay_for(diagnosis) is not None and (why := relay.refusal(failure.request)):
        error.text += f"\n\n{why}"
    return error


def _relay_for(diagnosis: Diagnosis) -> str | None:
    wanted = diagnosis.refused or diagnosis.undecided
    return settings.current().relay_url if wanted else None


def _detour(request: Request, diagnosis: Diagnosis) -> str | None:
    """Return the address of the relay that may be asked, if there is one."""
    relay_url = _relay_for(diagnosis)
    if relay_url is None:
        return None
    return relay_url if relay.may_relay(request) else None
