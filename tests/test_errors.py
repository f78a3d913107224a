from mnist_classifier.errors import DataError


def test_a_message_stays_one_line_whatever_a_name_brings_into_it():
    error = DataError("a\nb\x1b[31m: 28 × 28, not “c”\udcff")
    assert str(error) == r"a\nb\x1b[31m: 28 × 28, not “c”\xff"
