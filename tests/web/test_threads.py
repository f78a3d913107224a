"""Threads know what runs and what waits; what nobody waits for is not begun."""

import asyncio
import threading

from mnist_classifier.web.threads import Threads


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_wait_for_a_thread():
    clock = Clock()
    threads = Threads(1, clock)
    began, end = threading.Event(), threading.Event()

    def work(event=None):
        clock.now += 4
        if event:
            began.set()
            event.wait(60)

    async def run():
        assert threads.wait() == 0
        await threads.run(work)  # 4 seconds
        assert threads.wait() == 0
        running = asyncio.create_task(threads.run(lambda: work(end)))
        await asyncio.to_thread(began.wait, 60)
        assert threads.wait() == 4  # it runs since 4 seconds, and may as long again
        waiting = [asyncio.create_task(threads.run(work)) for _ in range(3)]
        await asyncio.sleep(0)  # they are handed in
        assert threads.wait() == 4 + 3 * 4
        clock.now += 6
        assert threads.wait() == 10 + 3 * 10
        waiting.pop().cancel()
        await asyncio.sleep(0)
        assert threads.wait() == 10 + 2 * 10
        end.set()
        await asyncio.gather(running, *waiting)
        assert threads.wait() == 0

    asyncio.run(run())
    threads.close()


def test_what_is_given_up_is_not_begun_and_what_runs_counts_until_it_ends():
    threads = Threads(1)
    began, end = threading.Event(), threading.Event()
    done = []

    def work():
        began.set()
        end.wait(60)
        done.append("first")

    async def run():
        first = asyncio.create_task(threads.run(work))
        await asyncio.to_thread(began.wait, 60)
        second = asyncio.create_task(threads.run(lambda: done.append("second")))
        third = asyncio.create_task(threads.run(lambda: done.append("third")))
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        await asyncio.wait((first, second))
        assert threads.given_up == 1
        end.set()
        await third
        assert threads.given_up == 0
        assert done == ["first", "third"]

    asyncio.run(run())
    threads.close()
