#!/usr/bin/env python3
"""peers.py NAME COUNT: APScheduler's side of one measurement, printed as one line of JSON.
peers.py activity REPOSITORY: reads a repository's commits with PyDriller, without line counts.
peers.py pgqueuer|procrastinate COUNT URL PROCESSES: no-op jobs through a queue in PostgreSQL, enqueued before the clock
starts.

Needs what ../run installs into ../.build/peers. Each scenario does with the peer's own means what `bench NAME`
does with ours.
"""
import datetime
import json
import os
import resource
import sys
import tempfile
import threading
import time


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def noop():
    pass


def scheduler(workers=2, store=None):
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler
    stores = {"default": store} if store else {}
    return BackgroundScheduler(jobstores=stores, executors={"default": ThreadPoolExecutor(workers)},
                               job_defaults={"misfire_grace_time": None, "coalesce": True}, timezone="UTC")


def register(count):
    """Adds jobs to a started, paused scheduler: each add is placed among the others by its next run."""
    peer = scheduler()
    peer.start(paused=True)
    before, start = resident(), time.perf_counter()
    for _ in range(count):
        peer.add_job(noop, "interval", hours=1)
    seconds = time.perf_counter() - start
    print(json.dumps({"tasks": count, "per_second": count / seconds, "bytes_each": (resident() - before) / count}))
    os._exit(0)


def lateness(count, seconds=20):
    """Jobs due every second at the same instant."""
    late, lock = [], threading.Lock()

    def note():
        now = time.time()
        with lock:
            late.append((now - now // 1) * 1000)

    peer = scheduler()
    first = datetime.datetime.fromtimestamp(int(time.time()) + 3 + count // 4000, datetime.timezone.utc)
    peer.start(paused=True)
    for _ in range(count):
        peer.add_job(note, "interval", seconds=1, next_run_time=first, max_instances=2)
    time.sleep(max(0, first.timestamp() - time.time() - 0.3))
    peer.resume()
    before = processor_seconds()
    time.sleep(seconds)
    used = processor_seconds() - before
    with lock:
        late.sort()
        print(json.dumps({"tasks": count, "runs": len(late), "expected": count * seconds,
                          "lateness_p99_ms": late[int(len(late) * .99)] if late else None,
                          "processor_seconds": used}))
    os._exit(0)


def burst(count, durable):
    """One-shot jobs due at one instant: how long until the last has run."""
    from apscheduler.events import EVENT_JOB_EXECUTED
    store = None
    if durable:
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
        folder = tempfile.mkdtemp(dir=".")
        store = SQLAlchemyJobStore(url=f"sqlite:///{folder}/peer.db")
    peer = scheduler(store=store)
    done, finished = [0], threading.Event()

    def count_one(_):
        done[0] += 1
        if done[0] >= count:
            finished.set()

    peer.add_listener(count_one, EVENT_JOB_EXECUTED)
    peer.start(paused=True)
    first = datetime.datetime.now(datetime.timezone.utc)
    for _ in range(count):
        peer.add_job("peers:noop" if durable else noop, "date", run_date=first)
    start = time.perf_counter()
    peer.resume()
    finished.wait(60)
    seconds = time.perf_counter() - start
    print(json.dumps({"runs": done[0], "runs_per_second": done[0] / seconds}), flush=True)
    os._exit(0)


def activity(path):
    """Author and day of each commit: what PyDriller tells without a diff for each."""
    from pydriller import Repository
    days = {}
    for commit in Repository(path).traverse_commits():
        key = commit.committer_date.date(), commit.author.email
        days[key] = days.get(key, 0) + 1
    print(json.dumps({"commits": sum(days.values())}))


async def pgqueuer(url, count=0, drain=None):
    """Enqueues `count` jobs, or takes what there is in batches of 100, and tells when it began and ended."""
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.types import QueueExecutionMode
    connection = await asyncpg.connect(url)
    queue = PgQueuer(AsyncpgDriver(connection))
    if count:
        await queue.qm.queries.install()
        for _ in range(0, count, 10_000):
            await queue.qm.queries.enqueue(["noop"] * 10_000, [None] * 10_000, [0] * 10_000)
        return
    last = [0.0]

    @queue.entrypoint("noop")
    async def job(_):
        last[0] = time.time()

    drain["start"] = time.time()
    await queue.qm.run(batch_size=100, mode=QueueExecutionMode.drain, log_aggregation_interval=datetime.timedelta(0))
    drain["end"] = last[0]


async def procrastinate(url, count=0, drain=None):
    from procrastinate import App, PsycopgConnector
    app = App(connector=PsycopgConnector(conninfo=url))

    @app.task(name="noop")
    async def job():
        drain["end"] = time.time()

    async with app.open_async():
        if count:
            await app.schema_manager.apply_schema_async()
            for _ in range(0, count, 1000):
                await job.batch_defer_async(*[{} for _ in range(1000)])
            return
        drain["start"] = time.time()
        await app.run_worker_async(wait=False, concurrency=100, install_signal_handlers=False)


def work(peer, url, results):
    import asyncio
    drain = {}
    asyncio.run(globals()[peer](url, drain=drain))
    results.put(drain)


def queue(peer, count, url, processes):
    import asyncio
    import multiprocessing
    asyncio.run(globals()[peer](url, count))
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(peer, url, results)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    drains = [results.get() for _ in workers]
    seconds = max(d.get("end", 0) for d in drains) - min(d["start"] for d in drains)
    print(json.dumps({"runs": count, "runs_per_second": count / seconds}), flush=True)
    os._exit(0)


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "activity":
        return activity(sys.argv[2])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if name == "register":
        register(count or 50_000)
    elif name == "lateness-memory":
        lateness(count or 10_000)
    elif name == "burst-memory":
        burst(count or 100_000, durable=False)
    elif name in ("pgqueuer", "procrastinate"):
        queue(name, count, sys.argv[3], int(sys.argv[4]))
    elif name == "burst-sqlite":
        burst(count or 2_000, durable=True)
    else:
        sys.exit(__doc__)


sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
main() if __name__ == "__main__" else None
