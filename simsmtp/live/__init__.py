"""The same decisions over real sockets.

What peers say is worked out by sessions that know no socket: octets go in by ``receive``, and a generator of
`simsmtp.live.steps` says what to do next. `simsmtp.live.listener` and `simsmtp.live.delivery` do it, with asyncio.
Replies come from `simsmtp.policies`, counting from `simsmtp.strategies`, as in the engines.
"""
