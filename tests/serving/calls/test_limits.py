"""The accounts: how many run, how often each may."""

import pytest
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken

from serving.calls import limits
from serving.calls.limits import BusyError, Limits, Rate, RateLimitError, client_of
from serving.settings import Settings


def test_so_many_calls_get_a_slot_and_no_more():
    accounts = Limits(Settings(max_concurrency=2))
    first, _ = accounts.admit(), accounts.admit()
    with pytest.raises(BusyError, match=r"the server runs 2 calls, the most it may at a time") as refused:
        accounts.admit()
    assert refused.value.retry_after == 1
    first.release()
    first.release()
    accounts.admit()
    with pytest.raises(BusyError):
        accounts.admit()


def test_whoever_counts_is_told_of_beginning_and_end():
    told: list[int] = []
    Limits(Settings(), told.append).admit().release()
    assert told == [1, -1]


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_client_may_make_its_calls_of_a_minute_at_once_and_then_one_at_a_time():
    clock = Clock()
    rate = Rate(6, clock)
    for _ in range(6):
        rate.spend("a")
    with pytest.raises(RateLimitError, match=r"more than 6 calls a minute.*try again in 10 s") as refused:
        rate.spend("a")
    assert refused.value.retry_after == 10
    rate.spend("b")
    clock.now += 10
    rate.spend("a")
    with pytest.raises(RateLimitError):
        rate.spend("a")
    clock.now += 3600
    for _ in range(6):
        rate.spend("a")


def test_clients_without_end_cost_bounded_memory(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CLIENTS", 3)
    rate = Rate(1, Clock())
    for client in "abcd":
        rate.spend(client)
    rate.spend("a")  # forgotten, as it was silent for longest
    with pytest.raises(RateLimitError):
        rate.spend("d")


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_without_a_token_is_its_address(address, client):
    assert client_of({"client": (address, 1)}) == client


def test_a_client_with_a_token_is_its_owner_wherever_it_calls_from():
    token = AccessToken(token="", client_id="app", subject="ann", scopes=[])
    user = AuthenticatedUser(token)
    assert client_of({"client": ("192.0.2.1", 1), "user": user}) == "token app ann"


def test_a_client_without_an_address_has_a_name_too():
    assert client_of({"client": None}) == "unknown"
    assert client_of(None) == "local"
