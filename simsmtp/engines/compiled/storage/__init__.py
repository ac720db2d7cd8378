"""Where a run keeps its state: records in arrays, the access to their fields, places that are used again, heaps."""
