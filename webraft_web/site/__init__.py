"""One Raft server per browser, run by one of its tabs and observed by the others.

Read `connection` first: a tab's part in a room, and who runs the server. Then
`runner` (the server itself, over the fenced journal), `observer` (what a tab
knows of the log), `protocol` (what tabs say to each other), `election` (the
Web Lock, the heartbeat, the steal), `handover` (when a hidden runner makes way)
and `platform` (what a page must offer).
"""
