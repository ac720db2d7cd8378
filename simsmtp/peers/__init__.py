"""The sending side of SMTP, told once: queue, transactions, settling, retries, resends.

No clock, socket, SimPy, asyncio or Numba: a driver brings those (`simsmtp.peers.driver`). The reference engine and the
real client are two drivers of the same sender. The compiled engine is a machine of its own, held equal by tests.
"""
