"""Both sides of SMTP, told once: queue, transactions, settling, retries, resends; what a server knows and answers.

No clock, socket, SimPy, asyncio or Numba: a driver brings those (`simsmtp.peers.driver`). The reference engine and the
real client are two drivers of the same sender, the reference engine and the real server two of the same responder. The
compiled engine is a machine of its own, held equal by tests.
"""
