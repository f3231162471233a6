"""Sixteen threads on one opener, and a fork in the middle of their work.

The work is done by a process of its own, which runs this very file: the process of the tests has
threads and descriptors of other tests, so forking and counting there would be no fair trial.
"""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.descriptors import can_list_descriptors, open_descriptors
from support.nginx import Nginx, find_nginx

from mini_http import HTTPHandler, Pool, build_opener

TESTS = Path(__file__).parent.parent
THREADS = 16
REQUESTS = 10_000
"""For each thread, and for the child."""
PATIENCE = 300.0


@pytest.fixture(scope="module")
def report():
    """What the working process says of its work."""
    if find_nginx() is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    if not hasattr(os, "fork"):
        pytest.skip("this system can't fork")
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    with Nginx(access_log=False) as server:
        done = subprocess.run(
            [sys.executable, __file__, f"{server.http}/connection", str(REQUESTS)],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_request_of_every_thread_is_answered(report):
    assert report["errors"] == []
    assert report["answers"] == THREADS * REQUESTS


def test_there_are_no_more_connections_than_threads(report):
    assert 1 <= len(report["connections"]) <= THREADS


def test_the_fork_was_in_the_middle(report):
    assert 0 < report["answers before the fork"] < report["answers"]


def test_the_child_is_answered_over_a_connection_of_its_own(report):
    child = report["child"]
    assert (child["errors"], child["answers"]) == ([], REQUESTS)
    assert child["idle at first"] == 0
    assert len(child["connections"]) == 1
    assert not {*child["connections"]} & {*report["connections"]}


def test_as_many_descriptors_are_open_at_the_end_as_at_the_start(report):
    assert report["descriptors at the end"] == report["descriptors at the start"]


# --- the working process


class Worker(threading.Thread):
    """Sends its requests, one after the other, and notes which connections answered."""

    def __init__(self, opener, url, requests):
        super().__init__()
        self.opener = opener
        self.url = url
        self.requests = requests
        self.answers = 0
        self.errors = []
        self.connections = set()
        self.is_halfway = threading.Event()

    def run(self):
        try:
            for _ in range(self.requests):
                serial, _ = self.opener.open(self.url).read().split()
                self.connections.add(int(serial))
                self.answers += 1
                if 2 * self.answers > self.requests:
                    self.is_halfway.set()
        except Exception as error:
            self.errors.append(repr(error))
        finally:
            self.is_halfway.set()


def account(workers):
    """What these workers have done so far."""
    return {
        "answers": sum(worker.answers for worker in workers),
        "errors": [error for worker in workers for error in worker.errors],
        "connections": sorted(set().union(*(worker.connections for worker in workers))),
    }


def fork_child(pool, work):
    """Forks a child that does the same work once; returns a file of its account."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return os.fdopen(reading)
    try:
        told = {"idle at first": pool.idle_count()}
        worker = Worker(*work)
        worker.run()
        with os.fdopen(writing, "w") as file:
            json.dump(told | account([worker]), file)
    finally:
        os._exit(0)


def count_descriptors():
    return len(open_descriptors()) if can_list_descriptors() else 0


def main(url, requests):
    started_with = count_descriptors()
    with Pool() as pool:
        work = build_opener(HTTPHandler(pool=pool)), url, requests
        workers = [Worker(*work) for _ in range(THREADS)]
        for worker in workers:
            worker.start()
        workers[0].is_halfway.wait()
        before = sum(worker.answers for worker in workers)
        with fork_child(pool, work) as file:
            child = json.load(file)
        os.wait()
        for worker in workers:
            worker.join()
    report = {
        **account(workers),
        "answers before the fork": before,
        "child": child,
        "descriptors at the start": started_with,
        "descriptors at the end": count_descriptors(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
