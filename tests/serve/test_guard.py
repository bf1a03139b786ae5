"""Who may ask: only this machine's own page, or who knows the token."""

import asyncio

import pytest

from rovr.serve.guard import Guard, is_loopback


async def _app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


def ask(guard, method="GET", path="/api/state", query="", **headers):
    """Status and headers of one request."""
    sent = []
    given = {"host": "127.0.0.1:8765", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items() if value is not None],
    }

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    asyncio.run(guard(scope, receive, send))
    found = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found


HOME = Guard(_app, "127.0.0.1", None)


def test_the_page_itself_may_ask():
    own = "http://127.0.0.1:8765"
    assert ask(HOME)[0] == 200
    assert ask(HOME, "POST", x_rovr="1", origin=own, sec_fetch_site="same-origin")[0] == 200
    assert ask(HOME, host="localhost:8765")[0] == 200
    assert ask(HOME, host="[::1]:8765")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "10.0.0.1:8765"])
def test_another_name_for_this_machine_is_refused(host):
    assert ask(HOME, host=host)[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_other_sites_are_refused(method, headers):
    assert ask(HOME, method, x_rovr="1", **headers)[0] == 403


def test_what_a_form_of_another_site_could_send_is_refused():
    assert ask(HOME, "POST")[0] == 403
    assert ask(HOME, "DELETE")[0] == 403


def test_a_link_elsewhere_may_lead_to_the_page_and_no_further():
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert ask(HOME, path="/", **visit)[0] == 200
    assert ask(HOME, path="/api/state", **visit)[0] == 403


def test_every_answer_forbids_what_the_page_does_not_need():
    headers = ask(HOME)[1]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


OPEN = Guard(_app, "0.0.0.0", "secret")


def test_without_the_token_nothing_is_served():
    assert ask(OPEN)[0] == 403
    assert ask(OPEN, path="/")[0] == 403
    assert ask(OPEN, path="/", query="token=wrong")[0] == 403
    assert ask(OPEN, authorization="Bearer wrong")[0] == 403
    assert ask(OPEN, cookie=f"{OPEN.cookie}=wrong")[0] == 403
    # A token in the address of anything but the page itself does not count: addresses end up in logs.
    assert ask(OPEN, query="token=secret")[0] == 403


def test_with_the_token_the_page_is():
    status, headers = ask(OPEN, path="/", query="token=secret")
    assert (status, headers["location"]) == (303, "/")
    assert "httponly" in headers["set-cookie"].lower()
    assert "samesite=strict" in headers["set-cookie"].lower()
    assert ask(OPEN, cookie=f"{OPEN.cookie}=secret")[0] == 200
    assert ask(OPEN, authorization="Bearer secret", host="192.168.1.5:8765")[0] == 200


def test_two_servers_of_one_machine_leave_each_others_cookies_alone():
    other = Guard(_app, "0.0.0.0", "another secret")
    given = [ask(guard, path="/", query=f"token={guard.token}")[1]["set-cookie"] for guard in (OPEN, other)]
    jar = dict(cookie.split(";")[0].split("=", 1) for cookie in given)  # as a browser's: one of each name
    for guard in (OPEN, other):
        assert ask(guard, cookie="; ".join(f"{name}={value}" for name, value in jar.items()))[0] == 200


def test_a_name_that_anyone_could_own_is_refused_on_the_network_too():
    assert ask(OPEN, authorization="Bearer secret", host="evil.example")[0] == 403


def test_addresses_of_this_machine_alone():
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"))
