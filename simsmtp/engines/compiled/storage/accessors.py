"""How compiled code reaches a record: by its place in an array whose address stands in the world's one record.

Numba can pass arrays, but every array is seven arguments of every function; with an address in one record, a
function takes one pointer, and the loop compiles in a fraction of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, from_dtype, types
from numba.core.cgutils import get_or_insert_function, memset, raw_memcpy
from numba.extending import intrinsic

from simsmtp.engines.compiled.storage.layout import ARRAYS, CACHE_LINE
from simsmtp.engines.compiled.toolchain.jit import compiled
from simsmtp.network.tcp import SIZE

_WORD = ir.IntType(64)


def _record_at(name: str) -> Any:
    """Return compiled access to the records of one of the world's arrays: ``(world, place) -> record``."""
    dtype = ARRAYS[name]
    record, item = from_dtype(dtype), dtype.itemsize

    @intrinsic
    def at(typing_context: Any, world: Any, place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            begin = builder.bitcast(values[0], ir.IntType(8).as_pointer())
            held = builder.gep(begin, [_WORD(signature.args[0].offset(name))])
            address = builder.load(builder.bitcast(held, _WORD.as_pointer()))
            # Arrays move only between two calls of the loop: whatever is stored meanwhile, this need not be read again.
            address.set_metadata("invariant.load", builder.module.add_metadata([]))
            index = context.cast(builder, values[1], signature.args[1], types.int64)
            address = builder.add(address, builder.mul(index, _WORD(item)))
            return builder.inttoptr(address, context.get_value_type(signature.return_type))

        return record(world, place), generate

    return at


def _address_of(builder: Any, world: Any, kind: Any, name: str) -> Any:
    """Return where one of the world's arrays begins."""
    begin = builder.bitcast(world, ir.IntType(8).as_pointer())
    held = builder.bitcast(builder.gep(begin, [_WORD(kind.offset(name))]), _WORD.as_pointer())
    return builder.inttoptr(builder.load(held), ir.IntType(8).as_pointer())


def clearing(name: str) -> Any:
    """Return compiled code that sets the first records of an array to 0: ``(world, count)``."""
    size = ARRAYS[name].itemsize

    @intrinsic
    def clear(typing_context: Any, world: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            octets = builder.mul(values[1], _WORD(size))
            memset(builder, _address_of(builder, values[0], signature.args[0], name), octets, 0)
            return context.get_dummy_value()

        return types.void(world, types.int64), generate

    return clear


def copying(target: str, source: str) -> Any:
    """Return compiled code that copies the first records of an array over those of another: ``(world, count)``."""
    size = ARRAYS[target].itemsize

    @intrinsic
    def copy(typing_context: Any, world: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            to, of = (_address_of(builder, values[0], signature.args[0], name) for name in (target, source))
            raw_memcpy(builder, to, of, values[1], _WORD(size))
            return context.get_dummy_value()

        return types.void(world, types.int64), generate

    return copy


settings_at, run_at = _record_at("settings"), _record_at("run")
lane_at, spoken_at, service_at, verb_at = (_record_at(name) for name in ("lanes", "spoken", "service", "verbs"))
sampler_record_at, number_at, trace_at, unknown_at = (
    _record_at(name) for name in ("samplers", "table", "trace", "unknown")
)
person_at, seen_at = _record_at("people"), _record_at("seen")
class_at, bucket_at, free_at = (_record_at(name) for name in ("ledger", "delays", "slot_free"))
_block_at, key_at, response_at = (_record_at(name) for name in ("block", "keys", "responses"))
event_at, ready_entry_at, session_at, wait_at, domain_at = (
    _record_at(name) for name in ("events", "ready", "sessions", "waits", "in_domain")
)
message_at, job_at, slot_at, extra_at, row_at = (
    _record_at(name) for name in ("messages", "jobs", "slots", "extras", "rows")
)
rate_at, time_at = _record_at("rates"), _record_at("times")


def has_tcp(world: Any) -> bool:
    """Tell of the type of a world whether some of its paths have the profile tcp."""
    return isinstance(world, types.Record) and "has_tcp" in world.fields


@intrinsic
def _words(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), generate


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float64)(types.int64), generate


@intrinsic
def fetch(typing_context: Any, record: Any) -> Any:
    """Begin to bring the first two lines of a record into the processor's cache: it will be wanted soon."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        octets, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [octets, flag, flag, flag])
        prefetch = get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        begin = builder.bitcast(values[0], octets)
        for line in range(2):
            builder.call(prefetch, [builder.gep(begin, [_WORD(CACHE_LINE * line)]), flag(1), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(record), generate


@compiled
def settings_of(w: Any) -> Any:
    """Return the record of what was asked for."""
    return settings_at(w, 0)


@compiled
def block_of(w: Any) -> Any:
    """Return the record of the replications that run in this call."""
    return _block_at(w, 0)


@compiled
def run_of(w: Any) -> Any:
    """Return the record of what the run is at."""
    return run_at(w, 0)


@compiled
def ready_at(w: Any, lane: Any, place: Any) -> Any:
    """Return an entry of a destination's heap of jobs."""
    return ready_entry_at(w, lane * w.ready_room + place)


@compiled
def table_at(w: Any, begin: Any, length: Any) -> Any:
    """Return a part of the samplers' tables as an array."""
    return carray(_pointer(w.table + np.int64(8) * begin), (length,))


@compiled
def tcp_at(w: Any, session: Any) -> Any:
    """Return the state of a session's connection under the profile tcp, see `simsmtp.network.tcp`."""
    return carray(_words(w.tcp + np.int64(8) * SIZE * session), (SIZE,))
