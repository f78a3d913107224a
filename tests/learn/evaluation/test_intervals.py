import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_classifier.learn.evaluation.intervals import wilson_interval


@given(size=st.integers(1, 20000), data=st.data())
def test_the_ends_are_the_shares_from_which_the_count_is_just_as_far(size, data):
    correct = data.draw(st.integers(0, size))
    low, high = wilson_interval(correct, size)
    assert 0 <= low <= correct / size <= high <= 1
    for end in {low, high} - {0.0, 1.0}:  # Wilson's definition: 1.96 deviations, of the end's own
        deviations = abs(correct / size - end) / math.sqrt(end * (1 - end) / size)
        assert deviations == pytest.approx(1.959963985, rel=1e-4)
