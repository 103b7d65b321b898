"""Always-on members: processes that take part in rooms as a browser does, so that rooms outlive the browsers.

`python -m webraft_web.peer ROOM …` is one; `join_room` gives a program of yours
the document. What a browser has by itself comes with the extra `peer`.
`platform` is what a page would be, `process` holds the rooms of one directory,
`command` is for the command line.
"""

from webraft_web.peer.process import delete_room, export_room, join_room, list_rooms, say_goodbye

__all__ = ["delete_room", "export_room", "join_room", "list_rooms", "say_goodbye"]
