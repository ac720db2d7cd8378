"""Run a study on the workers of a SLURM queue, through dask-jobqueue.

    python experiments/cluster/slurm_study.py experiments/kb822105.toml --jobs 4 --queue compute

The scheduler lives in this process, on the login node or in a small job; every job of the queue is a few workers,
which find it at the address of the network interface given. Killed, preempted or timed-out jobs lose nothing: their
chunks are run again, and what was finished is in the store. Needs ``pip install '.[fast,cluster]' dask-jobqueue``,
from the clone, on the nodes too, in the same environment.
"""

from __future__ import annotations

import argparse
import shutil
import time
from importlib.util import find_spec

import simsmtp


def main() -> None:
    """Ask for jobs, run the study on them, and write its results."""
    parser = argparse.ArgumentParser(description="Run a study on the workers of a SLURM queue.")
    parser.add_argument("experiment", help="an experiment file")
    parser.add_argument("--jobs", type=int, default=1, help="jobs to ask the queue for")
    parser.add_argument("--workers", type=int, default=8, help="worker processes of a job, one processor each")
    parser.add_argument("--queue", default=None, help="partition")
    parser.add_argument("--memory", default="8GiB", help="memory of a job")
    parser.add_argument("--walltime", default="01:00:00", help="longest time of a job")
    parser.add_argument("--interface", default=None, help="network interface by which workers reach this process")
    parser.add_argument("--replications", type=int, default=None, help="in place of the experiment's own")
    parser.add_argument("--output", default=None, help="folder of the results")
    parser.add_argument("--script", action="store_true", help="print the job's script and end")
    options = parser.parse_args()
    if missing := _missing(options.interface, script=options.script):
        parser.exit(2, f"slurm_study.py: {missing}\n")
    from dask_jobqueue import SLURMCluster

    with SLURMCluster(
        queue=options.queue, cores=options.workers, processes=options.workers, memory=options.memory,
        walltime=options.walltime, interface=options.interface, python="python",
        scheduler_options={"dashboard_address": None},
    ) as cluster:  # fmt: skip
        if options.script:
            print(cluster.job_script())
            return
        cluster.scale(jobs=options.jobs)
        began = time.perf_counter()
        study = simsmtp.run(
            options.experiment, replications=options.replications, output=options.output, executor="dask",
            scheduler=cluster.scheduler_address,
        )  # fmt: skip
        print(f"{study.computed} replications in {time.perf_counter() - began:.1f} s, queueing included")
        print(f"digest {study.digest}")
    if study.failures:
        raise SystemExit(f"{len(study.failures)} replications failed; the first: {study.failures[0]}")


def _missing(interface: str | None, *, script: bool) -> str:
    """Return what keeps jobs from being asked for, or reached; empty if nothing does."""
    if find_spec("dask_jobqueue") is None:
        return "dask-jobqueue is not installed; pip install '.[fast,cluster]' dask-jobqueue"
    if interface is not None:
        from distributed.utils import get_ip_interface

        try:
            get_ip_interface(interface)
        except ValueError as error:
            return f"--interface {interface}: {error}"
    if not script and shutil.which("sbatch") is None:
        return "there is no sbatch here: SLURM's commands are needed, as on a login node; --script does without"
    return ""


if __name__ == "__main__":
    main()
