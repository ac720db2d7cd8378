"""Philox4x64-10 in compiled code: the definition is in `simsmtp.randomness.streams`."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from simsmtp.engines.compiled.toolchain.jit import compiled

_MULTIPLIERS = (np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157))
_WEYL = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B))
_M0, _M1 = _MULTIPLIERS
_W0, _W1 = _WEYL


@intrinsic
def _high(typing_context: Any, a: Any, b: Any) -> Any:
    """Return the upper 64 bits of a product of two words."""
    signature = types.uint64(types.uint64, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        left, right = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(left, right), wide(64)), ir.IntType(64))

    return signature, generate


@compiled
def block(seed: Any, replication: Any, number: Any, entity: Any, purpose: Any, sub: Any) -> Any:
    """Return the four words of one block of a stream; the block is numbered from 0."""
    c0 = np.uint64(number) + np.uint64(1)
    c1, c2, c3 = np.uint64(entity), np.uint64(purpose), np.uint64(sub)
    k0, k1 = seed, replication
    for _ in range(10):
        h0, h1 = _high(_M0, c0), _high(_M1, c2)
        l0, l1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0, k1 = k0 + _W0, k1 + _W1
    return c0, c1, c2, c3


@compiled
def word(seed: Any, replication: Any, index: Any, entity: Any, purpose: Any, sub: Any) -> Any:
    """Return one word of a stream."""
    w0, w1, w2, w3 = block(seed, replication, index // 4, entity, purpose, sub)
    lane = index % 4
    if lane == 0:
        return w0
    if lane == 1:
        return w1
    return w2 if lane == 2 else w3
