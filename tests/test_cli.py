"""The command line as a user meets it: help, first steps, wrong inputs, what is (not) imported."""

import errno
import json
import re
from pathlib import Path

import click
import pytest
from cli_runner import child, environment, finished, tgc

import tinygrad_course as tg
from tinygrad_course.cli import failure, folders, options, terminal
from tinygrad_course.cli.app import COMMANDS
from tinygrad_course.errors import ArgumentError

HEAVY = {"numba", "cupy", "matplotlib", "rich", "jinja2", "PIL", "safetensors", "torch", "scipy"}


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TGC_DATA", raising=False)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from tinygrad_course.__main__ import main\n"
        "sys.argv = ['tgc', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n    assert not stop.code\n"
        "print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    for arguments in (["--help"], [], ["--version"]):
        exit_code, out, err = finished(*arguments, code=code)
        assert (exit_code, err) == (0, "")
        assert not HEAVY & set(out.split("MODULES")[1].split())


def test_module_and_script_are_the_same_command():
    assert finished("--version") == (0, f"tinygrad_course {tg.__version__}\n", "")


def test_first_steps_fit_a_terminal():
    result = tgc()
    assert result.exit_code == 0
    assert "tgc train" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["data", "fetch"]])
def test_help(command):
    short, long = tgc(*command, "-h"), tgc(*command, "--help")
    assert short.exit_code == long.exit_code == 0
    assert short.stdout == long.stdout
    assert "Usage: tgc" in long.stdout
    assert max(map(len, long.stdout.splitlines())) <= 80
    assert long.stderr == ""


def test_group_help_lists_every_command_in_order():
    text = tgc("--help").stdout.split("Commands:")[1]
    assert re.findall(r"^  ([\w-]+)  ", text, re.MULTILINE) == list(COMMANDS)


USAGE = [
    (["trian"], "there is no command 'trian'; did you mean 'train'?"),
    (["--verson"], "--version"),
    (["train", "lenet"], "MODEL: there is no model 'lenet'; did you mean 'lenet5'?"),
    (["train", "lenet5", "mlp"], "unexpected extra argument"),
    (["train", "--data", "mnst"], "--data: there is no data set 'mnst'; did you mean 'mnist'?"),
    (["train", "--optimizer", "adma"], "there is no optimizer 'adma'; did you mean 'adam'?"),
    (["train", "--schedule", "cosin"], "there is no schedule 'cosin'; did you mean 'cosine'?"),
    (["train", "--dtype", "float16"], "there is no dtype 'float16'"),
    (["train", "--device", "cuda:99"], "device 'cuda:99'"),
    (["train", "--device", "gpu"], "device 'gpu' does not exist"),
    (["train", "--epochs", "0"], "--epochs must be at least 1, but it is 0"),
    (["train", "--epochs", "-3"], "--epochs must be at least 1, but it is -3"),
    (["train", "--epochs", "three"], "--epochs: 'three' is not a valid integer"),
    (["train", "--epochs"], "--epochs"),
    (["train", "--batch-size", "0"], "--batch-size must be at least 1"),
    (["train", "--lr", "nan"], "--lr must be above 0 and finite"),
    (["train", "--lr", "-1"], "--lr must be above 0"),
    (["train", "--momentum", "1"], "--momentum must be at least 0 and below 1"),
    (["train", "--seed", "-1"], "--seed must be at least 0"),
    (["train", "--threads", "0"], "--threads must be at least 1"),
    (["train", "--lrate", "1"], "--lrate"),
    (["train", "--resume", "x", "--out", "y"], "--out: a resumed run stays in its folder"),
    (["evaluate", "--split", "tests"], "--split: there is no split 'tests'; did you mean 'test'?"),
    (["evaluate", "--threads", "0"], "--threads: 0 is not in the range"),
    (["predict"], "IMAGE is missing"),
    (["summary", "lenet6"], "did you mean 'lenet5'?"),
    (["summary", "--batch-size", "0"], "--batch-size: 0 is not in the range"),
    (["data", "fetch", "mnits"], "did you mean 'mnist'?"),
    (["data", "lst"], "lst"),
    (["data", "fetch"], "missing argument 'NAME...'"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_wrong_usage_is_one_message(arguments, message):
    result = tgc(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert "--help` lists what is possible" in result.stderr or "requires an arg" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


ERRORS = [
    (["train", "lenet5", "--data", "spirals"], "use mlp for other data"),
    (["train", "--resume", "nowhere"], "there is no such file"),
    (["evaluate"], "`tgc train` trains one"),
    (["evaluate", "nowhere"], "there is no such file"),
    (["predict", "--sample", "1"], "`tgc train` trains one"),
    (["summary", "mlp", "--classic"], "mlp has no classic form"),
    (["summary", "lenet5", "--data", "xor"], "use mlp for other data"),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS, ids=[" ".join(a) for a, _ in ERRORS])
def test_an_error_is_one_message_and_debug_shows_where(arguments, message):
    result = tgc(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    for verbose in ([*arguments, "--debug"], ["--debug", *arguments]):
        result = tgc(*verbose)
        assert result.exit_code == 1
        assert "Traceback" in result.stderr
        assert message in result.stderr


def test_a_refused_run_leaves_no_folder(tmp_path):
    tgc("train", "lenet5", "--data", "spirals")
    tgc("train", "--lr", "0")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (ArgumentError("relu: x is wrong"), 1, "error: relu: x is wrong\n"),
        (tg.kernels.KernelError("matmul: no"), 1, "error: matmul: no\n"),
        (OSError(errno.ENOSPC, "No space left on device", "log"), 1, "free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), 1, "runs: Permission denied"),
        (OSError("broken"), 1, "error: broken"),
        (MemoryError("8 GB"), 1, "use a smaller --batch-size"),
        (ModuleNotFoundError("no", name="rich.table"), 1, "the package 'rich' is not installed"),
        (KeyboardInterrupt(), 130, "stopped: by Ctrl-C"),
        (click.Abort(), 130, "stopped: by Ctrl-C"),
        (failure.InterruptedRunError("go on with x"), 130, "stopped: go on with x"),
        (click.UsageError("Wrong thing"), 2, "error: wrong thing"),
    ],
)
def test_each_error_has_its_exit_code_and_message(error, code, says, capsys):
    assert failure.exit_code_of(error, debug=False) == code
    captured = capsys.readouterr()
    assert says in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_bug_of_ours_keeps_its_traceback(capsys):
    with pytest.raises(KeyError) as caught:
        {}["missing"]
    assert failure.exit_code_of(caught.value, debug=False) == 1
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "test_a_bug_of_ours" in text
    assert "please report it" in text


def test_a_reader_that_goes_away_is_no_error():
    with child("summary") as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_output_without_unicode_has_question_marks_and_no_traceback():
    ascii_only = environment(PYTHONIOENCODING="ascii")
    exit_code, out, err = finished("data", "list", env=ascii_only)
    assert (exit_code, err) == (0, "")
    assert "mnist-12k" in out


def test_summary_counts_lenet():
    result = tgc("summary")
    assert result.exit_code == 0
    assert re.search(r"total\s+61,706\s+416,520\s+60,008", result.stdout)
    lines = [json.loads(line) for line in tgc("summary", "--json").stdout.splitlines()]
    assert lines[-1]["parameters"] == 61706 == sum(line["parameters"] for line in lines[:-1])
    assert lines[0]["output_shape"] == [1, 28, 28, 6]


def test_data_list_says_what_is_here():
    result = tgc("data", "list")
    assert result.exit_code == 0
    assert tgc("data").stdout == result.stdout
    assert re.search(r"mnist-12k +28x28x1 +10 +10,000 +2,000 +ready", result.stdout)
    assert re.search(r"mnist +28x28x1 .* not here", result.stdout)
    assert "`tgc data fetch mnist`" in result.stdout
    sets = [json.loads(line) for line in tgc("data", "list", "--json").stdout.splitlines()]
    assert [each["name"] for each in sets] == tg.data.names()
    assert {each["state"] for each in sets if each["origin"] != "download"} <= {
        "present",
        "generated",
    }


def test_data_verify_finds_damage_and_says_what_helps(tmp_path):
    assert tgc("data", "verify").exit_code == 0  # absent is no fault ...
    absent = tgc("data", "verify", "mnist")
    assert absent.exit_code == 1  # ... unless it was asked for
    assert "`tgc data fetch mnist` gets it" in absent.stderr
    folder = tmp_path / "cache" / "tinygrad_course" / "mnist"
    folder.mkdir(parents=True)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"not the file")
    damaged = tgc("data", "verify")
    assert damaged.exit_code == 1
    assert "damaged" in damaged.stdout
    assert "expected 4,542 bytes, got 12" in damaged.stderr


def test_data_fetch_of_what_is_embedded_only_verifies():
    result = tgc("data", "fetch", "digits", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["state"] == "present"


def test_json_has_no_nan(capsys):
    options.print_json({"a": float("nan"), "b": [float("inf"), 1], "p": Path("x")})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1], "p": "x"}


def test_names_complete_for_the_shell():
    found = options.MODEL.shell_complete(None, None, "le")
    assert [item.value for item in found] == ["lenet5"]


def test_folders_are_never_shared():
    names = [folders.new_folder("run").name for _ in range(3)]
    assert names == ["run", "run-2", "run-3"]


def test_a_path_outside_is_absolute(tmp_path):
    assert terminal.here(tmp_path / "runs" / "a") == str(Path("runs") / "a")
    assert terminal.here(tmp_path.parent) == str(tmp_path.parent)
