"""Where replications run changes nothing: this process, others, threads, Dask workers, killed ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from study_files import LONG, ROOT, TINY, all_of, cli, command, document, environment, heed_ctrl_c, written

import simsmtp
from simsmtp.errors import InputError, UnfinishedError
from simsmtp.model.scenario import Scenario
from simsmtp.running.chunks import Chunk, own_code, run_chunk
from simsmtp.running.execution import execute_tasks
from simsmtp.running.executors import executor_of
from simsmtp.running.runner import run
from simsmtp.running.tasks import TaskBlock
from simsmtp.store.address import code_hash


def digest_of(folder: Path, *arguments: object) -> object:
    folder.mkdir()
    written(folder, TINY)
    return document(cli(folder, "run", "study.toml", "--json", "--no-figure", *arguments))["digest"]


@pytest.mark.slow
def test_all_executors_give_the_same_rows(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    wanted = digest_of(tmp_path / "serial", "--executor", "serial")
    assert digest_of(tmp_path / "local", "--executor", "local", "--workers", 2) == wanted
    assert digest_of(tmp_path / "dask", "--executor", "dask", "--workers", 2) == wanted


def test_the_engine_that_ran_is_told(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    why = "it is done before" if find_spec("numba") else "numba is not installed"
    assert f"engine reference: {why}" in cli(tmp_path, "run", "study.toml", "--no-figure").stdout
    told = json.loads((tmp_path / "results/tiny/provenance.json").read_text(encoding="utf-8"))
    assert told["engines"] == {"reference": 12}


def test_long_replications_of_the_compiled_engine_run_in_threads() -> None:
    pytest.importorskip("numba", reason="the compiled engine needs numba: pip install 'simsmtp[fast]'")
    scenario = Scenario(workload={"messages": 4000})
    tasks = all_of(scenario, 4)
    results = [
        sorted(
            pair
            for rows in execute_tasks(tasks, seed=3, engine="compiled", strategies=(), workers=workers)
            for pair in rows
        )
        for workers in (1, 2)
    ]
    alone, together = ([(row.replication, row.responses, row.engine) for _, row in one] for one in results)
    assert alone == together
    assert [engine for *_, engine in alone] == ["compiled"] * 4


def _wait_for_rows(folder: Path, running: subprocess.Popen[str]) -> None:
    """Wait until a study has stored something."""
    store, until = folder / "results/tiny/replications.sqlite-wal", time.monotonic() + 60
    while not (store.exists() and store.stat().st_size > 100_000) and running.poll() is None:
        assert time.monotonic() < until, "nothing was stored in a minute"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_dask_worker_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    (tmp_path / "calm").mkdir()
    written(tmp_path / "calm", LONG)
    written(tmp_path, LONG)
    arguments = ["run", "study.toml", "--json", "--no-figure", "--engine", "reference", "--workers", "2"]
    calm = document(cli(tmp_path / "calm", *arguments))
    running = subprocess.Popen(
        [*command(), *arguments, "--executor", "dask"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    _wait_for_rows(tmp_path, running)
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(running.pid)], capture_output=True, text=True, check=True
    )
    workers = [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    out, complaint = running.communicate(timeout=120)
    assert running.returncode == 0, complaint
    found = json.loads(out)
    assert (found["computed"], found["failures"], found["digest"]) == (1600, [], calm["digest"])


@pytest.mark.slow
def test_ctrl_c_reaches_a_cluster_of_our_own_without_noise(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    written(tmp_path, LONG)
    running = subprocess.Popen(
        [*command(), *BY_REFERENCE, "--workers", "2", "--executor", "dask"],
        cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    )  # fmt: skip
    _wait_for_rows(tmp_path, running)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    _, complaint = running.communicate(timeout=60)
    assert running.returncode == 130, complaint
    assert "Traceback" not in complaint
    assert complaint.rstrip().endswith("of 1600 replications are stored; the same command resumes")


def _dask(part: str, *arguments: str, home: Path = ROOT) -> subprocess.Popen[bytes]:
    """Start a part of a cluster, with the package that lies in a folder."""
    call = [sys.executable, "-m", f"distributed.cli.dask_{part}", "--no-dashboard", *arguments]
    env = environment() | {"PYTHONPATH": str(home)}
    return subprocess.Popen(call, cwd=home, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def _scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, list[str]]]:
    """Have a scheduler: its process, its address, and where its workers are told to find it."""
    at = folder / "scheduler.json"
    scheduler = _dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(at))
    try:
        address = ""
        while not address:
            assert scheduler.poll() is None
            time.sleep(0.02)
            with suppress(FileNotFoundError, ValueError):  # not there yet, or half written
                address = json.loads(at.read_text(encoding="utf-8"))["address"]
        yield scheduler, address, ["--no-nanny", "--scheduler-file", str(at)]
    finally:
        _end(scheduler)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@contextmanager
def _cluster(folder: Path, home: Path = ROOT) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Have a scheduler and a worker, which has the package that lies in a folder: the scheduler and its address."""
    with _scheduler(folder) as (scheduler, address, found_at):
        worker = _dask("worker", *found_at, home=home)
        try:
            yield scheduler, address
        finally:
            _end(worker)


def _running(folder: Path, address: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command(), *arguments, "--executor", "dask", "--scheduler", address],
        cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


BY_REFERENCE = ("run", "study.toml", "--no-figure", "--engine", "reference")


@pytest.mark.slow
def test_a_scheduler_that_dies_in_the_middle_is_told_and_what_is_finished_stays(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    written(tmp_path, LONG)
    with _cluster(tmp_path) as (scheduler, address):
        running = _running(tmp_path, address, *BY_REFERENCE)
        _wait_for_rows(tmp_path, running)
        scheduler.kill()
        _, complaint = running.communicate(timeout=120)
    assert running.returncode == 1, complaint
    assert "Traceback" not in complaint
    assert (
        "simsmtp: the Dask scheduler is gone; what was finished is stored, and the same command goes on from there; "
        in complaint.splitlines()[-1]
    )
    assert complaint.rstrip().endswith(" of 1600 replications are stored")
    again = document(cli(tmp_path, *BY_REFERENCE, "--json"))
    assert again["reused"] > 0
    assert again["computed"] + again["reused"] == 1600


def _read_until(running: subprocess.Popen[str], words: str) -> str:
    """Return the first line of complaint with these words; the process must not end before."""
    assert running.stderr is not None
    seen = []
    for line in running.stderr:
        seen.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} was not said: {seen}")


@pytest.mark.slow
def test_a_cluster_without_workers_is_told_at_the_beginning_and_in_the_middle(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    written(tmp_path, LONG)
    workers = []
    with _scheduler(tmp_path) as (_, address, found_at):
        running = _running(tmp_path, address, *BY_REFERENCE)
        try:
            assert "waiting up to 300 s for one" in _read_until(running, "no Dask worker is there yet")
            workers.append(_dask("worker", *found_at))
            _wait_for_rows(tmp_path, running)
            _end(workers[0])
            _read_until(running, "no Dask worker is left")
            assert running.poll() is None
            workers.append(_dask("worker", *found_at))
            _, complaint = running.communicate(timeout=120)
        finally:
            running.kill()
            for one in workers:
                _end(one)
    assert running.returncode == 0, complaint
    assert "no Dask worker" not in complaint
    assert document(cli(tmp_path, *BY_REFERENCE, "--json"))["reused"] == 1600


def _edited_copy(home: Path) -> Path:
    """Return a folder with a copy of the package, one of whose decisions is another."""
    shutil.copytree(ROOT / "simsmtp", home / "simsmtp", ignore=shutil.ignore_patterns("__pycache__"))
    decision = home / "simsmtp/policies/recipients.py"
    text = decision.read_text(encoding="utf-8")
    edited = text.replace("policy.limit - ", "policy.limit - 1 - ", 1)
    assert edited != text
    decision.write_text(edited, encoding="utf-8")
    return home


def _without_the_package(home: Path) -> Path:
    """Return a folder from which the package cannot be imported, installed or not."""
    home.mkdir()
    written(home, "import sys; sys.modules['simsmtp'] = None", "sitecustomize.py")
    return home


@pytest.mark.slow
def test_nothing_of_a_worker_that_comes_with_other_code_is_stored(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    chunk = Chunk((TaskBlock(5, Scenario(), (0,)),), 1, "reference", (), 0, own_code())
    home = _edited_copy(tmp_path / "home")
    with (
        _cluster(tmp_path, home) as (_, address),
        distributed.Client(address, set_as_default=False) as client,
        pytest.raises(UnfinishedError, match="has other code than this run") as caught,
    ):
        client.submit(run_chunk, chunk).result()
    assert f"the code hash {code_hash(home / 'simsmtp')[:16]} there, {own_code()} here" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("copy", [_edited_copy, _without_the_package])
def test_a_worker_with_other_code_ends_the_run(tmp_path: Path, copy: Callable[[Path], Path]) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    home = copy(tmp_path / "home")
    wanted = digest_of(tmp_path / "alone")
    folder = tmp_path / "mixed"
    folder.mkdir()
    written(folder, TINY)
    assert cli(folder, "run", "study.toml", "--no-figure", "--replications", 1).returncode == 0
    with _cluster(tmp_path, home) as (_, address):
        done = cli(folder, "run", "study.toml", "--no-figure", "--executor", "dask", "--scheduler", address)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    there = "No module named 'simsmtp"
    if copy is _edited_copy:
        there = f"simsmtp {simsmtp.__version__} with the code hash {code_hash(home / 'simsmtp')[:16]} there"
    complaint = done.stderr.splitlines()[-1]
    assert complaint.startswith("simsmtp: a worker at tcp://127.0.0.1:")
    assert there in complaint
    assert f"{own_code()} here; all nodes need the same code" in complaint
    again = document(cli(folder, "run", "study.toml", "--no-figure", "--json"))
    assert (again["computed"], again["reused"], again["digest"]) == (8, 4, wanted)


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_told_before_anything_is_written(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    written(tmp_path, TINY)
    done = cli(tmp_path, "run", "study.toml", "--executor", "dask", "--scheduler", address)
    assert done.returncode == 2
    assert "no Dask scheduler answers there" in done.stderr
    assert address in done.stderr
    assert not (tmp_path / "results").exists()


def web_server(server: socket.socket) -> None:
    """Answer the first client as a web server would."""
    client = server.accept()[0]
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    client.close()


def test_another_program_at_the_address_is_no_scheduler(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    written(tmp_path, TINY)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        thread = threading.Thread(target=web_server, args=(server,))
        thread.start()
        done = cli(tmp_path, "run", "study.toml", "--executor", "dask", "--scheduler", address)
        thread.join()
    assert done.returncode == 2
    assert "no Dask scheduler answers there: another program does" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_what_is_no_address_is_told_and_stored_results_stay(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is needed: pip install 'simsmtp[cluster]'")
    digest = digest_of(tmp_path / "kept", "--workers", 1)
    done = cli(tmp_path / "kept", "run", "study.toml", "--executor", "dask", "--scheduler", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("simsmtp: scheduler: no Dask scheduler answers there: missing port")
    assert done.stderr.count("\n") == 1
    again = document(cli(tmp_path / "kept", "run", "study.toml", "--json", "--no-figure"))
    assert (again["computed"], again["reused"], again["digest"]) == (0, 12, digest)


def test_without_dask_the_way_to_it_is_told(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    done = cli(tmp_path, "run", "study.toml", "--executor", "dask", without="distributed")
    assert done.returncode == 2
    assert done.stderr == (
        "simsmtp: executor: Dask is not installed; given: 'dask'; allowed: pip install 'simsmtp[cluster]'\n"
    )
    assert not (tmp_path / "results").exists()


def test_wrong_executors_are_refused() -> None:
    with pytest.raises(InputError, match="unknown executor"):
        executor_of("slurm")
    with pytest.raises(InputError, match="belongs to the executor dask"):
        executor_of("local", "tcp://127.0.0.1:8786")


def test_an_experiment_in_python_takes_an_executor_too(tmp_path: Path) -> None:
    written(tmp_path, TINY)
    study = run(tmp_path / "study.toml", output=tmp_path / "out", executor="serial", progress=False)
    assert sum(study.engines.values()) == 12
