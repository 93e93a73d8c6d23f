"""Checkpoints: a resumed run is the run itself, bit by bit; bad files and full disks say so."""

import json
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import tinygrad_course as tg
from tinygrad_course import checkpoint, data, nn, optim
from tinygrad_course.data import DataLoader
from tinygrad_course.errors import AnomalyError, ArgumentError, CheckpointError, FileError
from tinygrad_course.files import replace_file
from tinygrad_course.train import Training, fit
from tinygrad_course.training import environment
from tinygrad_course.training.callbacks import CheckpointCallback, JsonlLog, NonFinite, RunFolder
from tinygrad_course.training.recipe import Recipe, assemble

ROOT = Path(tg.__file__).parent.parent
DIGITS = data.load("digits")
SMALL = replace(
    DIGITS,
    train=data.Split(DIGITS.train.x[:100], DIGITS.train.y[:100]),
    test=data.Split(DIGITS.test.x[:50], DIGITS.test.y[:50]),
)
QUICK = Recipe(model="mlp", data="digits", epochs=3, batch_size=16, shift=1, optimizer="adam")
TIMES = {"seconds", "samples_per_second", "epoch_seconds"}


def quick(**changes):
    return assemble(replace(QUICK, **changes), SMALL)


def timeless(records):
    return [{k: v for k, v in record.items() if k not in TIMES} for record in records]


def state(run):
    arrays = {**run.model.state_dict(), **run.optimizer.state_dict()}
    return {name: array.tobytes() for name, array in arrays.items()}


class StopAt:
    def __init__(self, step):
        self.step = step

    def on_batch(self, run):
        if run.progress.step == self.step:
            run.stop("killed")


@pytest.fixture
def saved(tmp_path):
    """The checkpoint of a run that was stopped after 5 steps."""
    run = quick()
    fit(run, [StopAt(5)])
    return checkpoint.save(tmp_path / "last.safetensors", run)


# To go on.


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd"},
        {"optimizer": "nesterov", "schedule": "cosine"},
        {"optimizer": "adam", "accumulate": 3, "clip": 1.0},
        {"optimizer": "adamw", "dtype": "float64", "weight_decay": 0.1},
    ],
    ids=lambda changes: changes["optimizer"],
)
@pytest.mark.parametrize("step", [1, 3, 7, 8])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, changes, step):
    whole, part = quick(**changes), quick(**changes)
    fit(whole)
    fit(part, [StopAt(step)])
    checkpoint.save(tmp_path / "x.safetensors", part)
    again, notes = checkpoint.resume(tmp_path / "x.safetensors", dataset=SMALL)
    assert notes == []
    assert again.progress == part.progress
    fit(again)
    assert state(again) == state(whole)
    assert again.generator.state() == whole.generator.state()
    assert timeless(again.progress.history) == timeless(whole.progress.history)


def test_a_finished_run_stays_finished(tmp_path):
    run = quick()
    fit(run)
    checkpoint.save(tmp_path / "x.safetensors", run)
    again, _ = checkpoint.resume(tmp_path / "x.safetensors", dataset=SMALL)
    before = state(again)
    assert len(fit(again)) == 3
    assert state(again) == before


def test_the_file_is_plain_safetensors(saved):
    arrays = load_file(saved)
    assert arrays["model.layers.1.weight"].shape == (64, 128)
    assert "optimizer.first_moment.layers.1.weight" in arrays
    found = checkpoint.load(saved)
    assert found.recipe == QUICK.complete()
    assert found.classes == DIGITS.classes
    assert set(found.facts["environment"]) == {*environment.describe(), "device"}


def test_the_trained_model_needs_no_data(saved):
    run, _ = checkpoint.resume(saved, dataset=SMALL)
    run.model.eval()
    model = checkpoint.load(saved).model()
    x = tg.tensor(SMALL.test.x)
    assert not model.training
    assert np.array_equal(model(x).numpy(), run.model(x).numpy())


def test_transposed_arrays_are_saved_as_they_read(tmp_path):
    run = quick()
    weight = run.model.layers[1].weight
    weight.data = np.asfortranarray(weight.data)
    expected = weight.numpy().copy()
    checkpoint.save(tmp_path / "x.safetensors", run)
    assert np.array_equal(load_file(tmp_path / "x.safetensors")["model.layers.1.weight"], expected)


def test_a_training_without_a_recipe(tmp_path):
    def training():
        generator = tg.Generator(1)
        model = nn.Sequential(
            nn.Flatten(), nn.Dense(64, 8, generator=generator), nn.BatchNorm(8),
            nn.Dropout(0.5, generator=generator), nn.Dense(8, 10, generator=generator),
        )  # fmt: skip
        adam = optim.Adam(model.named_parameters(), 0.01)
        loader = DataLoader(*SMALL.train, 16, shuffle=True)
        return Training(model, adam, loader, 2, test=SMALL.test, generator=generator)

    whole, part, again = training(), training(), training()
    fit(whole)
    fit(part, [StopAt(9)])
    path = checkpoint.save(tmp_path / "x.safetensors", part)
    assert checkpoint.restore(checkpoint.load(path), again) == []
    fit(again)
    assert state(again) == state(whole)
    with pytest.raises(CheckpointError, match="saved by a Training without one"):
        checkpoint.resume(path)


def test_another_environment_is_said_and_the_run_goes_on(saved, monkeypatch):
    now = environment.describe()
    elsewhere = {**now, "numpy": "1.0", "threads": "1"}
    monkeypatch.setattr(checkpoint, "describe", lambda: elsewhere)
    run, notes = checkpoint.resume(saved, dataset=SMALL)
    (note,) = notes
    assert note.startswith(
        f"numpy was {now['numpy']} when the checkpoint was saved, and is 1.0 now"
    )
    assert len(fit(run)) == 3


def test_other_threads_are_said(saved):
    with environment.using_threads(2):
        if environment.threads() != 2:
            pytest.skip("the threads of this machine's matrix products cannot be set")
    _, notes = checkpoint.resume(saved, dataset=SMALL, threads=2)
    assert [note.split(" when")[0] for note in notes] == ["threads was 1"]


def test_kill_nine():
    script = ROOT / "benchmarks" / "kill_resume.py"
    command = [sys.executable, str(script), "--kills", "3"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("3 kills")


# To refuse.


def refused(path, message):
    with pytest.raises(CheckpointError, match=message) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value)


def test_no_file(tmp_path):
    refused(tmp_path / "none.safetensors", "there is no such file")
    with pytest.raises(CheckpointError, match=r"last\.safetensors: .* no such file"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, 2000, -1])
def test_truncated(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    refused(saved, "expected a safetensors file, but it is none, or truncated")


@pytest.mark.parametrize("content", [b"\x89PNG" * 99, b"{}", b"\x00" * 64, os.urandom(1000)])
def test_no_safetensors_file(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    refused(path, "expected a")


def test_a_flipped_bit(saved):
    content = bytearray(saved.read_bytes())
    content[-1000] ^= 1
    saved.write_bytes(content)
    refused(saved, "its checksum is wrong: the file was damaged")


def test_another_program(tmp_path):
    save_file({"w": np.zeros(3)}, tmp_path / "x.safetensors", {"format": "pt"})
    refused(tmp_path / "x.safetensors", r"of another program \(metadata: format\)")
    save_file({"w": np.zeros(3)}, tmp_path / "y.safetensors")
    refused(tmp_path / "y.safetensors", r"of another program \(metadata: none\)")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ('{"format": 2}', "expected format 1, but it has 2; read it with the version"),
        ("[]", r"expected format 1, but it has \[\]"),
        ("{", "it cannot be read"),
        ('{"format": 1}', "its checksum is wrong"),
    ],
)
def test_metadata_that_is_not_ours(tmp_path, facts, message):
    path = tmp_path / "x.safetensors"
    save_file({"w": np.zeros(3)}, path, {checkpoint.KEY: facts})
    refused(path, message)


def changed(found, **facts):
    return replace(found, facts={**found.facts, **facts})


def test_damaged_facts(saved):
    found = checkpoint.load(saved)
    with pytest.raises(CheckpointError, match="its position is missing or damaged"):
        checkpoint.restore(changed(found, progress={"page": 3}), quick())
    with pytest.raises(CheckpointError, match=r"its recipe is not understood .*no setting 'page'"):
        _ = changed(found, recipe={"page": 3}).recipe
    with pytest.raises(CheckpointError, match="shape of its samples or its classes are missing"):
        changed(found, classes=None).model()
    progress = {**found.facts["progress"], "batch": 99}
    with pytest.raises(CheckpointError, match=r"batch 99 of epoch 1, .* 3 epochs of 7 batches"):
        checkpoint.restore(changed(found, progress=progress), quick())


def test_another_model(saved):
    found = checkpoint.load(saved)
    with pytest.raises(CheckpointError, match=r"it holds the weights of mlp, .*layers\.0"):
        found.load_weights(nn.Sequential(nn.Dense(64, 10)))
    other = changed(
        found, recipe={**found.facts["recipe"], "model": "lenet5"}, input_shape=[28, 28, 1]
    )
    with pytest.raises(CheckpointError, match="this model is not built like that"):
        other.model()


def test_another_recipe_leaves_the_run_as_it_was(saved):
    run = quick(lr=0.5)
    before = state(run)
    with pytest.raises(
        CheckpointError, match=r"a run with lr 0\.\d+, but this one has 0\.5; resume"
    ):
        checkpoint.restore(checkpoint.load(saved), run)
    assert state(run) == before


def test_another_optimizer_leaves_the_training_as_it_was(saved):
    run = quick()
    model = run.model
    other = Training(
        model, optim.SGD(model.named_parameters(), 0.1, 0.9), run.loader, 3, generator=run.generator
    )
    before = state(other)
    with pytest.raises(CheckpointError, match=r"its optimizer state does not fit: SGD\."):
        checkpoint.restore(checkpoint.load(saved), other)
    assert state(other) == before
    assert other.progress.step == 0


# To write.


def unchanged_after(path, message, write):
    """`write` raises our error; the file is as before, and nothing lies beside it."""
    before, names = path.read_bytes(), sorted(p.name for p in path.parent.iterdir())
    with pytest.raises(FileError, match=message):
        write()
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == names


def test_a_full_disk(saved):
    """The kernel refuses to write more than a few bytes, as a disk without space does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    run = quick()

    def write():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
        try:
            checkpoint.save(saved, run)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    unchanged_after(saved, r"last\.safetensors cannot be written .*free some space", write)


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_an_error_of_the_disk(saved, monkeypatch, where):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(*((os, "fsync") if where == "fsync" else (Path, "replace")), fail)
    unchanged_after(saved, "Input/output error", lambda: checkpoint.save(saved, quick()))


def test_an_interruption_leaves_nothing_behind(saved, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(saved, quick())
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_two_threads_may_write_one_file(tmp_path, monkeypatch):
    """Both have written their part before either gives it the name."""
    written, sync = threading.Barrier(2, timeout=30), os.fsync

    def wait(descriptor):
        sync(descriptor)
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            written.wait()

    monkeypatch.setattr(os, "fsync", wait)
    contents = [b"one", b"the other"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda content: replace_file(tmp_path / "file", content), contents))
    assert (tmp_path / "file").read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_places_that_are_no_files(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    with pytest.raises(FileError, match=r"cannot be written"):
        replace_file(file / "x", b"")
    with pytest.raises(FileError, match="there is a folder or a device"):
        replace_file(tmp_path, b"")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileError, match="there is a folder or a device"):
            replace_file(tmp_path / "pipe", b"")
    assert file.read_bytes() == b"mine"


def test_weights_that_are_not_finite_are_not_saved(saved):
    run, before = quick(), saved.read_bytes()
    run.model.layers[4].bias.assign(np.full(10, np.inf))
    with pytest.raises(
        AnomalyError, match=r"layers\.4\.bias holds a NaN or an infinity; .*not saved"
    ):
        checkpoint.save(saved, run)
    assert saved.read_bytes() == before


# A run's folder.


def files(folder):
    return sorted(path.name for path in folder.path.iterdir())


def test_the_folder_of_a_run(tmp_path):
    folder = RunFolder(tmp_path / "a" / "run")
    folder.claim()
    run = quick()
    history = fit(run, folder.callbacks(every=2))
    assert files(folder) == ["best.safetensors", "last.safetensors", "log.jsonl"]
    assert [json.loads(line) for line in folder.log.read_text().splitlines()] == history
    assert checkpoint.load(folder.path).progress == run.progress
    best = max(history, key=lambda record: record["test_accuracy"])
    assert checkpoint.load(folder.best).progress.history[-1]["epoch"] == best["epoch"]
    with pytest.raises(CheckpointError, match="already holds a run, which would be overwritten"):
        folder.claim()
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"):
        RunFolder(tmp_path / "file").claim()


def test_when_checkpoints_are_saved(tmp_path, monkeypatch):
    saves = []
    monkeypatch.setattr("tinygrad_course.training.callbacks.save", lambda path, run: saves.append(
        (path.name.split(".")[0], run.progress.step, run.progress.batch)))  # fmt: skip
    fit(quick(epochs=1), [CheckpointCallback(RunFolder(tmp_path), 3)])
    assert saves == [
        ("last", 0, 0), ("last", 3, 3), ("last", 6, 6), ("best", 7, 0), ("last", 7, 0)
    ]  # fmt: skip
    saves.clear()
    fit(quick(epochs=1, batch_size=20), [CheckpointCallback(RunFolder(tmp_path), 5)])
    assert saves == [("last", 0, 0), ("best", 5, 0), ("last", 5, 0)]
    with pytest.raises(ArgumentError, match="every must be at least 1"):
        CheckpointCallback(RunFolder(tmp_path), 0)


def test_a_diverging_run_keeps_its_last_good_checkpoint(tmp_path):
    folder = RunFolder(tmp_path)
    run = quick()
    fit(run, [StopAt(5), *folder.callbacks(1)])
    good = folder.last.read_bytes()
    run.model.layers[1].weight.assign(np.full((64, 128), 3e38, np.float32))
    run.stopped = None
    with pytest.raises(AnomalyError, match=r"layers\.1 \(Dense\)"):
        fit(run, [NonFinite(), CheckpointCallback(folder, 1)])
    assert folder.last.read_bytes() == good


@pytest.fixture
def log(tmp_path):
    return JsonlLog(tmp_path / "log.jsonl")


def lines(log):
    return [json.loads(line) for line in log.path.read_text().splitlines()]


def record(epoch, **more):
    return {"event": "epoch", "epoch": epoch, "step": 7 * epoch, **more}


@pytest.mark.parametrize("tail", ["", '{"event": "epo', '{"event": "epoch", "epoch": 3}', "[]\n"])
def test_the_log_is_cut_back_to_the_checkpoint(log, tail):
    run = quick()
    run.progress.step = 16
    run.progress.history = [record(1), record(2)]
    text = "".join(json.dumps(record(e)) + "\n" for e in (1, 2, 3))
    log.path.write_text(text + tail)
    log.on_start(run)
    assert lines(log) == [record(1), record(2)]


def test_lines_that_were_lost_come_back(log):
    run = quick()
    run.progress.step = 21
    run.progress.history = [record(1), record(2), record(3)]
    log.path.write_text(json.dumps(record(1)) + "\n" + json.dumps(record(2))[:-3])
    log.on_start(run)
    assert lines(log) == [record(1), record(2), record(3)]
    log.path.unlink()
    log.on_start(run)
    assert lines(log) == [record(1), record(2), record(3)]


def test_a_new_run_begins_a_new_log(log):
    log.path.write_text(json.dumps(record(1)) + "\n")
    log.on_start(quick())
    assert log.path.read_text() == ""


def test_the_log_is_json_even_of_nan(log):
    log.on_start(quick())
    log.on_epoch(quick(), record(1, test_loss=float("nan"), lr=0.5))
    assert lines(log) == [record(1, test_loss=None, lr=0.5)]


def test_a_log_that_cannot_be_written_or_read(log):
    log.path.mkdir()
    run = quick()
    with pytest.raises(FileError, match="cannot be written"):
        log.on_epoch(run, record(1))
    run.progress.step = 1
    with pytest.raises(CheckpointError, match="cannot be read"):
        log.on_start(run)


def test_what_killed_processes_left_is_swept(tmp_path):
    (tmp_path / ".last.safetensors.999.part").touch()
    (tmp_path / ".log.jsonl.999.part").touch()
    (tmp_path / ".mine.part").touch()
    folder = RunFolder(tmp_path)
    fit(quick(epochs=1), folder.callbacks())
    assert ".mine.part" in files(folder)
    assert len(files(folder)) == 4
