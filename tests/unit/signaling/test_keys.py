"""Keys from a secret: the same everywhere, for each use another, and none from what can be guessed."""

import re
import sys

import pytest

from tests.unit.signaling.worlds import AUTHENTICATION, ROOM, SEALED, SECRET, TOPIC
from webraft_web.core.errors import AuthenticationError, ConfigError
from webraft_web.testing import run
from webraft_web.transports.keys import derive_keys, new_secret


def test_a_secret_gives_the_same_keys_for_ever():
    """Pages of different versions share rooms, and browsers and Python do."""
    keys = run(derive_keys(SECRET, ROOM))
    assert keys.topic == TOPIC
    assert keys.authentication.hex() == AUTHENTICATION
    assert run(keys.open(SEALED, "context")) == "text é"


def test_every_use_and_every_room_has_keys_of_its_own():
    """None of them tells anything of another."""

    async def main():
        keys = [await derive_keys(SECRET, room) for room in ("a", "b", "")]
        keys.append(await derive_keys(new_secret(), "a"))
        derived = {key for one in keys for key in (one.topic, one.authentication[:16].hex())}
        assert len(derived) == 2 * len(keys)
        sealed = await keys[0].seal("text", "")
        for other in keys[1:]:
            with pytest.raises(AuthenticationError):
                await other.open(sealed, "")

    run(main())


def test_what_was_sealed_opens_in_its_context_alone_and_unchanged():
    """A changed letter, another context, a shorter text, or no base64 at all."""

    async def main():
        keys = await derive_keys(SECRET, ROOM)
        sealed = await keys.seal("text", "context")
        assert await keys.open(sealed, "context") == "text"
        assert sealed != await keys.seal("text", "context")
        changed = [sealed[:i] + ("A" if sealed[i] != "A" else "B") + sealed[i + 1 :] for i in range(40)]
        for wrong in [
            *changed,
            sealed[:-4],
            sealed[4:],
            sealed + "AAAA",
            "",
            "AAAA",
            "é",
            "%%%%",
            sealed[:-1],
        ]:
            with pytest.raises(AuthenticationError):
                await keys.open(wrong, "context")
        for context in ("", "contex", "context "):
            with pytest.raises(AuthenticationError):
                await keys.open(sealed, context)

    run(main())


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "hunter2",
        "a" * 100,
        "ab" * 50,
        "1234567890" * 3,
        "0123456789abcdef0123456789abcde",
        "correct horse battery",
        "abcdefghijklmnopqrstuvwx",
    ],
)
def test_a_secret_that_could_be_guessed_is_refused_with_what_to_do(secret):
    """Whoever sees sealed texts can try as many as they like."""
    with pytest.raises(ConfigError, match=r"too easy to guess.*new_secret\(\)"):
        run(derive_keys(secret, ROOM))


@pytest.mark.parametrize(
    "secret",
    ["0123456789abcdef" * 2, "314159265358979323846264338327950288419", "mfrggzdfmztwq2lknnwg23tpoa"],
)
def test_a_secret_of_128_bits_in_any_usual_alphabet_is_taken(secret):
    """Hex, digits, base 32."""
    assert run(derive_keys(secret, ROOM)).topic


def test_a_new_secret_is_taken_and_needs_no_escaping():
    """Each is another."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert re.fullmatch(r"[A-Za-z0-9_-]{24}", secret)
        run(derive_keys(secret, ROOM))


def test_keys_do_not_show_in_logs():
    """Their representation names the topic, which is no secret."""
    keys = run(derive_keys(SECRET, ROOM))
    assert repr(keys) == f"RoomKeys(topic='{keys.topic}')"


def test_without_the_package_for_cryptography_the_error_names_it(monkeypatch):
    """The extra is optional."""
    monkeypatch.delitem(sys.modules, "webraft_web.transports.native_crypto", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    monkeypatch.delattr("webraft_web.transports.native_crypto", raising=False)
    with pytest.raises(ConfigError, match=r"cryptography.*webraft_web\[peer\]"):
        run(derive_keys(SECRET, ROOM))
