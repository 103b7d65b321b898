"""The link that invites to a room: its `#fragment` carries what the page needs, and no server sees that."""

from __future__ import annotations

from typing import NamedTuple

from webraft_web.core.errors import ConfigError


class Invitation(NamedTuple):
    """What a link says about a room.

    Fields:
        cluster: The id of the room's cluster: whoever is invited waits for it, and never founds another.
        secret: What members prove to one another; None for a room of one browser.
    """

    cluster: str = ""
    secret: str | None = None


def invitation_link(page_url: str, room: str, invitation: Invitation) -> str:
    """Return a link to this page with an invitation to the room."""
    fields = {"room": room, "cluster": invitation.cluster}
    if invitation.secret is not None:
        fields["secret"] = invitation.secret
    from urllib.parse import urlencode  # noqa: PLC0415 - see `_fields_of`

    return f"{page_url}#{urlencode(fields)}"


def read_link(link: str) -> tuple[str, Invitation]:
    """Return the room that a link invites to, and what else it says.

    Raises:
        ConfigError: If it is no invitation.
    """
    _, _, fragment = link.partition("#")
    (room,) = _fields_of(fragment).get("room", [""])[:1]
    if not room:
        raise ConfigError(
            "this link invites to no room: it has to be whole, with all that follows the #, "
            "as SharedDocument.invite_link() returns it"
        )
    return room, read_invitation(fragment, room)


def read_invitation(fragment: str, room: str) -> Invitation:
    """Return what the page's own link says about `room`: nothing, if it is about another or none."""
    fields = _fields_of(fragment.removeprefix("#"))
    if fields.get("room") != [room]:
        return Invitation()
    return Invitation(fields.get("cluster", [""])[0], fields.get("secret", [None])[0])


def _fields_of(fragment: str) -> dict[str, list[str]]:
    if "room=" not in fragment:
        return {}
    # A quarter of what importing a room would take, and few pages were opened by an invitation.
    from urllib.parse import parse_qs  # noqa: PLC0415 - see above

    return parse_qs(fragment)
