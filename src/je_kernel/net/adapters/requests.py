"""Adapt `requests`: correct its URLs and timeouts, and explain its errors.

It sends by `urllib3`, which has a backend for browsers since its version 2.2. With an
older one, the adapter of `requests` uses our transport directly.
"""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from je_kernel import errors
from je_kernel.net import transport
from je_kernel.net.adapters.urllib3 import SEND_OPTIONS, SendOptions, body_of
from je_kernel.net.message import Request

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Patch the adapter of `requests`."""
    original_send = module.HTTPAdapter.send if _has_backend() else _send_without_urllib3
    original_build_response = module.HTTPAdapter.build_response

    def send(
        self: Any,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        def translate(error: errors.NetworkError) -> Exception:
            return _as_requests(module, error, request)

        before = SEND_OPTIONS.set(SendOptions(stream, _seconds_to_read(timeout), translate))
        try:
            return original_send(self, request, stream, timeout, *args, **kwargs)
        except OSError as error:  # every exception of requests is one
            ours = _ours_in(error)
            if ours is None:
                raise
            raise _as_requests(module, ours, request) from None
        finally:
            SEND_OPTIONS.reset(before)

    def build_response(self: Any, req: Any, resp: Any) -> Any:
        response = original_build_response(self, req, resp)
        response.url = getattr(resp, "url", None) or response.url
        return response

    patches.set(module.HTTPAdapter, "send", send)
    patches.set(module.HTTPAdapter, "build_response", build_response)


def _has_backend() -> bool:
    return find_spec("urllib3.contrib.emscripten") is not None


def _send_without_urllib3(
    adapter: Any, request: Any, _stream: bool, timeout: Any, *_: Any, **__: Any
) -> Any:
    from urllib3 import HTTPResponse

    headers = tuple(request.headers.items())
    body = body_of(request.body)
    timeout = _seconds_to_read(timeout)
    response = transport.send(Request(request.method, request.url, headers, body, timeout))
    raw = HTTPResponse(
        body=io.BytesIO(response.body),
        headers=dict(response.headers),
        status=response.status,
        reason=response.reason,
        request_method=request.method,
        preload_content=False,
    )
    result = adapter.build_response(request, raw)
    result.url = response.url
    return result


def _seconds_to_read(timeout: Any) -> float | None:
    if isinstance(timeout, tuple):
        return timeout[1] if len(timeout) == 2 else None
    return timeout if isinstance(timeout, (int, float)) else None


def _ours_in(error: BaseException) -> errors.NetworkError | None:
    """Return our error that `urllib3` and `requests` have wrapped, or None."""
    pending: list[Any] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if isinstance(each, errors.NetworkError):
            return each
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            pending += [*each.args, getattr(each, "reason", None)]
            pending += [each.__cause__, each.__context__]
    return None


def _as_requests(
    module: ModuleType, error: errors.NetworkError, request: Any
) -> errors.NetworkError:
    from requests.exceptions import ChunkedEncodingError

    if isinstance(error, errors.TimedOutError):
        return errors.combined(error, module.ReadTimeout, request=request)
    if isinstance(error, errors.BadAddressError):
        return errors.combined(error, module.InvalidURL, request=request)
    if isinstance(error, errors.BrokenOffError):
        return errors.combined(error, ChunkedEncodingError, request=request)
    return errors.combined(error, module.ConnectionError, request=request)
