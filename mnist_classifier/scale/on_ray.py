"""Parts, read by actors of Ray Data, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import logging
import pickle
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from mnist_classifier.errors import MnistError, OutputError
from mnist_classifier.ray_runtime import joined, last_line
from mnist_classifier.read.many import read_many
from mnist_classifier.scale import fetching
from mnist_classifier.scale.job import Done, Job
from mnist_classifier.scale.listing import MOST, Item, Listing
from mnist_classifier.scale.unsure import Unsure

_WAITING = 4  # tasks that an actor has: one that it does, and those that come next
_TASKS_EACH = 50  # for an actor, if there are parts enough: none waits long at the end


def read_on_ray(
    job: Job, missing: Sequence[int], address: str, actors: int | None
) -> Generator[Done, None, None]:
    """Read parts; yield those that are written, as they come.

    Pictures do not pass through Ray: an actor is told parts' numbers, fetches each part's pictures
    one after the other, writes its rows, and answers with what they tell a summary. What Ray starts
    again, since a worker or a node was lost, writes the same file again.

    Args:
        job: What an actor does.
        missing: The parts' numbers.
        address: ``"local"`` for a Ray of our own on this machine, ``"auto"`` for the cluster that
            this machine belongs to or ``RAY_ADDRESS`` names, or a cluster's address.
        actors: At most so many; as many as the cluster has processors, and gets, when left out.

    Raises:
        OutputError: A part cannot be written.
        SettingsError: There is no cluster at the address.
        MnistError: Ray does not start, or cannot go on, as where an actor does not find the
            networks' files.
    """
    with _session(address):
        import ray

        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        at_first = min(cores, actors or cores)
        tasks = _tasks(job, missing, at_first)
        done = ray.data.from_items(tasks, override_num_blocks=len(tasks)).map_batches(
            _Reads,
            fn_constructor_args=(job,),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=1,
                initial_size=at_first,
                max_size=actors,
                max_tasks_in_flight_per_actor=_WAITING,
            ),
        )
        try:
            for row in done.iter_rows():
                yield from pickle.loads(row["done"])  # noqa: S301 — from an actor of ours
                if row["stopped"]:
                    raise OutputError(row["stopped"])
        except ray.exceptions.RayError as error:
            raise MnistError(
                f"Ray stopped: {last_line(error)}; expected it to go on: what is read stands, so "
                "mend that, and give the same command again"
            ) from error


class _Reads:
    """An actor: a reader that keeps its networks, part after part."""

    def __init__(self, job: Job) -> None:
        import cv2
        import ray

        cv2.setNumThreads(1)
        job.enter_folder()
        self._job = job
        self._listing = Listing(job.parts.listing)
        self._reader = job.make_reader()
        self._unsure = Unsure()
        # The picture that ended it before would end it again: now it reads in another process.
        self._isolated = ray.get_runtime_context().was_current_actor_reconstructed

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Read the parts of a task, until one cannot be written."""
        done: list[Done] = []
        stopped = ""
        try:
            numbers = list(map(int, batch["parts"][0]))
            for number, items in zip(numbers, self._listing.parts(numbers), strict=True):
                done.append(self._read(number, items))
        except OutputError as error:
            stopped = str(error)
        return {"done": [pickle.dumps(done)], "stopped": [stopped]}

    def _read(self, number: int, items: Sequence[Item]) -> Done:
        pictures = fetching.pictures(items, self._job.column)
        outcomes = read_many(
            self._reader, pictures, self._job.pattern, jobs=1, isolated=self._isolated
        )
        with contextlib.closing(outcomes):
            return self._job.write(number, items, outcomes, self._unsure)


def _tasks(job: Job, missing: Sequence[int], actors: int) -> list[dict[str, Any]]:
    """Put parts together: Ray's own work for a task takes as long as ten small pictures."""
    with Listing(job.parts.listing) as listing:
        sizes = listing.sizes()
    enough = min(MOST, sum(sizes[number] for number in missing) / (_TASKS_EACH * actors))
    tasks: list[list[int]] = [[]]
    for number in missing:
        if sum(sizes[other] for other in tasks[-1]) >= enough:
            tasks.append([])
        tasks[-1].append(number)
    return [{"parts": parts} for parts in tasks]


@contextlib.contextmanager
def _session(address: str) -> Iterator[None]:
    """Join a cluster, or start Ray here, with a Ray Data that tells nothing."""
    with joined(address):
        import ray.data

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield
