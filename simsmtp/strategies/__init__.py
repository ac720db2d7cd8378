"""What a sending MTA decides: counting, overflow, window, sizing, retry. Pure, in the decision language.

A *decision* is a module-level function over ``int``, ``float``, ``bool``, ``IntEnum`` and ``NamedTuple``:
no clock, no I/O, no random numbers. The same source runs in every engine and on the wire. A user's strategy may call
plain helper functions and use constants; see `simsmtp.strategies.version` for how a changed one is told.
"""
