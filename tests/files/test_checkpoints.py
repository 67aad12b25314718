"""Opening a checkpoint, and writing it from time to time: what training, attacks and sweeps share."""

import numpy as np
import pytest

from nnpg.files.checkpoints import Checkpoint, OtherRunError, open_checkpoint, saving

RUN = {"seed": 0, "settings": [0.5, {"norm": "l2"}]}


def never():
    raise AssertionError("a run without a checkpoint need not say what identifies it")


def opened(path, run=RUN, kind="sums", resume=False):
    return open_checkpoint(path, kind, lambda: run, resume=resume, size=1000)


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "sums.safetensors", "sums", RUN)


def test_without_a_path_there_is_no_checkpoint():
    assert open_checkpoint(None, "sums", never, resume=True, size=1000) == (None, None)


def test_resume_is_yes_or_no_and_the_path_is_a_path(tmp_path):
    with pytest.raises(TypeError, match="resume must be True or False, not 3"):
        opened(None, resume=3)
    with pytest.raises(TypeError, match=r"checkpoint must be a path \(str or pathlib.Path\), not 3"):
        opened(3)


def test_a_run_goes_on_from_the_state_that_it_left(checkpoint):
    checkpoint.write({"sums": np.arange(3)}, {"done": 3})
    with pytest.raises(FileExistsError, match="resume from it"):
        opened(checkpoint.path)
    again, saved = opened(checkpoint.path, resume=True)
    assert again == checkpoint
    assert saved.values == {"done": 3}
    np.testing.assert_array_equal(saved.array("sums", (-1,), np.int64), [0, 1, 2])


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"seed": 1, "settings": [0.5, {"norm": "l2"}]}, "its seed is 0, this run's is 1"),
        ({"seed": 0, "settings": [0.5, {"norm": "l1"}]}, "its settings, 2, norm is 'l2', this run's is 'l1'"),
        ({"seed": 0}, "its description is of seed, settings, this run's is of seed"),
    ],
)
def test_another_run_is_refused_with_the_first_difference(checkpoint, run, words):
    checkpoint.write({}, {})
    with pytest.raises(OtherRunError, match=words):
        opened(checkpoint.path, run, resume=True)


def test_the_state_is_written_when_enough_time_has_passed_and_at_the_end(checkpoint, monkeypatch):
    clock = 0.0
    monkeypatch.setattr("nnpg.files.checkpoints.time.monotonic", lambda: clock)
    done, written = 0, []
    with saving(checkpoint, lambda: ({}, {"done": done}), every=30.0) as save:
        for second in range(1, 71):
            clock, done = float(second), second
            save()
            if checkpoint.path.exists():
                written.append(checkpoint.read().values["done"])
    assert sorted(set(written)) == [31, 62]
    assert checkpoint.read().values == {"done": 70}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_work_that_is_interrupted_leaves_its_state(checkpoint, error):
    done = []

    def work():
        with saving(checkpoint, lambda: ({}, {"done": len(done)}), every=30.0):
            done.extend([1, 2])
            raise error

    with pytest.raises(error):
        work()
    assert checkpoint.read().values == {"done": 2}


def test_without_a_checkpoint_nothing_is_written():
    with saving(None, never, every=0.0) as save:
        save()
