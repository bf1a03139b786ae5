"""Who may ask: requests from other sites, under other names or without the token are refused before anything is done.

A page of another site can make a browser send requests here. It cannot make it send the header ``x-rovr``, nor hide
its own address in ``origin`` and ``sec-fetch-site``; and a name that was bound to this machine's address afterwards
(DNS rebinding) shows in ``host``.
"""

import hashlib
import hmac
import ipaddress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "rovr_token"
"""Begins the name of the cookie that holds the token."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SAFE = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; "
        "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether an address is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Stands before the page.

    Args:
        app: the page.
        host: the address that the server listens on.
        token: what must be known to come in; None where only this machine can.
    """

    def __init__(self, app: ASGIApp, host: str, token: str | None) -> None:
        self.app, self.host, self.token = app, host, token
        # Browsers send one server's cookies to another port of its host too, where those of one name would be replaced.
        self.cookie = f"{COOKIE}_{hashlib.sha256((token or '').encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        why = self._wrong(scope, headers)
        if why:
            await PlainTextResponse(why, 403, HEADERS)(scope, receive, send)
            return
        if self.token is not None and not self._knows(headers):
            await self._ask(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        await self.app(scope, receive, guarded)

    def _wrong(self, scope: Scope, headers: Headers) -> str | None:
        """Why a request is refused whoever it comes from."""
        host = headers.get("host", "")
        if not self._named(_name(host)):
            return f"This server is not called '{_name(host)}'; open the address that rovr serve printed."
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return "Requests from other sites are refused."
        visit = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
        if site not in ("none", "same-origin") and not visit:
            return "Requests from other sites are refused."
        if scope["method"] not in SAFE and "x-rovr" not in headers:
            return "Requests that change something need the header 'x-rovr'."
        return None

    def _named(self, name: str) -> bool:
        if is_loopback(self.host):
            return name in LOOPBACK or name == self.host
        try:
            # Names can be bound to any address by whoever owns them, numbers cannot.
            ipaddress.ip_address(name)
        except ValueError:
            return name in (self.host, "localhost")
        return True

    def _knows(self, headers: Headers) -> bool:
        assert self.token is not None
        given = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            cookie = None
        return any(_same(text, self.token) for text in (given, cookie.value if cookie else ""))

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in whoever brings the token in the address, which is then taken out of it."""
        assert self.token is not None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and scope["method"] == "GET" and _same(query.get("token", [""])[0], self.token):
            response = RedirectResponse("/", 303, HEADERS)
            response.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
            await response(scope, receive, send)
            return
        text = "This page asks for its token: open the whole address that rovr serve printed, with ?token=… at its end."
        await PlainTextResponse(text, 403, HEADERS)(scope, receive, send)


def _name(host: str) -> str:
    """The name in a host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rsplit(":", 1)[0] if host.count(":") == 1 else host


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
