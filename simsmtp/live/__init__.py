"""The same decisions over real sockets.

What peers say is worked out by sessions that know no socket: octets go in by ``receive``, and a generator of
`simsmtp.live.effects` says what to do next. `simsmtp.live.asyncio_server` and `simsmtp.live.asyncio_client` do it.
The sender is that of `simsmtp.peers`; replies come from `simsmtp.policies`, as in the engines.
"""
