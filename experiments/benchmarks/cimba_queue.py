"""The M/M/4 queue of `queue_peers` in cimba, which compiles a model's processes and runs them on an engine in C.

Apart, because cimba resolves what a model declares by the names of its module.
"""

from collections.abc import Sequence

import cimba
from cimba import inputs


class Queue(cimba.Model):
    """Customers join a line; whichever server is free takes the first."""

    gap: cimba.Input[float] = inputs.dist.exponential(mean=1.0)  # both are replaced by what is given
    service: cimba.Input[float] = inputs.dist.exponential(mean=1.0)
    customers: cimba.Param[int] = 1
    line: cimba.Store[float]
    waited: cimba.Output[float]

    @cimba.on_start
    def begin(self):
        """Begin with nobody."""
        self.waited = 0.0

    @cimba.process
    def source(self):
        """Let customers come."""
        for _ in range(self.customers):
            cimba.hold(self.gap.next())
            self.line.put(cimba.now())

    @cimba.process(copies=4)
    def server(self):
        """Serve one after the other."""
        while True:
            came = self.line.get()
            self.waited += cimba.now() - came
            cimba.hold(self.service.next())


def mean_wait(gaps: Sequence[float], services: Sequence[float]) -> float:
    """Return the mean wait of customers with these intervals and service times."""
    model = Queue()
    model.customers, model.gap, model.service = len(gaps), inputs.trace(gaps), inputs.trace(services)
    found = cimba.Experiment(model).run()
    return float(found[model].waited.values[0, 0]) / len(gaps)
