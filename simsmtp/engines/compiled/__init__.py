"""The compiled engine: the same decisions and draws in one event loop over arrays, the same bits much faster.

Its rooms are those of `simsmtp.engines.reference`; what is a generator there is a phase in a record here. To begin
reading: `replication` packs a plan into the arrays that `layout` describes and calls the loop of `loop`, whose
machine code `kernels` finds or makes and `kept_code` keeps on disk.
"""
