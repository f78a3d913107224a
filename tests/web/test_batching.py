"""Images of concurrent requests are judged in batches; each request gets its own results."""

import asyncio

import numpy as np

from mnist_classifier.web.batching import Batcher
from mnist_classifier.web.threads import Threads


def test_images_are_judged_in_the_order_they_came(reader):
    threads = Threads(1)
    batcher = Batcher(reader, threads)
    rng = np.random.default_rng(0)
    groups = [rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (1, 300, 2, 1, 1)]

    async def judge_all():
        return await asyncio.gather(*(batcher.read_images(group) for group in groups))

    for group, judged in zip(groups, asyncio.run(judge_all()), strict=True):
        expected = reader.read_images(group)
        assert judged.labels.tolist() == expected.labels.tolist()
        assert np.abs(judged.probabilities - expected.probabilities).max() < 1e-5
    threads.close()
