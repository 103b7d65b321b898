"""Encrypted links between pages of different browsers, over WebRTC data channels. No word of Raft.

`connections` is the seam to whatever speaks WebRTC: a page, a library in
CPython, or a fake network. `framing` cuts texts into messages and back, `handshake`
proves that both ends hold the room's secret, `link` is one authenticated link,
`peer` one other page and the attempts to link with it, `mesh` all of them.
`paste` introduces two pages without any server.
"""
