"""`tgc doctor`: sound machines pass, and every fault is found, with what helps."""

import json
import re
from pathlib import Path

import pytest
from cli_runner import tgc
from tinygrad_course.kernels import compiled, threads

import tinygrad_course as tg
from tinygrad_course.cli import checks, machine


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TGC_DATA", raising=False)


def findings():
    """(exit code, findings by name, the verdict) of `tgc doctor --json`."""
    result = tgc("doctor", "--json")
    *found, verdict = map(json.loads, result.stdout.splitlines())
    assert result.stderr == ""
    return result.exit_code, {each["name"]: each for each in found}, verdict


def test_a_sound_machine_passes():
    exit_code, found, verdict = findings()
    assert exit_code == 0
    assert verdict["broken"] == 0
    assert all(each["remedy"] for each in found.values() if each["state"] != "ok")
    assert not any(each["remedy"] for each in found.values() if each["state"] == "ok")
    text = tgc("doctor")
    assert text.exit_code == 0
    for section in ("Python and packages", "Processor", "GPU", "Folders", "Data sets", "Kernels"):
        assert section in text.stdout
    assert "Everything works" in text.stdout


def test_every_op_is_listed_with_its_implementation():
    _, found, _ = findings()
    listed = [op for each in found.values() if each["section"].startswith("Kernels")
              for op in each["value"].split(", ")]  # fmt: skip
    assert sorted(listed) == tg.kernels.names()


def test_nothing_is_left_behind(tmp_path):
    tgc("doctor")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_an_old_and_a_broken_package(monkeypatch):
    real = machine.installed
    versions = {"rich": None, "click": "7.0"}
    monkeypatch.setattr(machine, "installed", lambda name: versions.get(name, real(name)))
    faults = {"pillow": "ImportError: libjpeg.so.8"}
    monkeypatch.setattr(machine, "import_fault", faults.get)
    exit_code, found, verdict = findings()
    assert exit_code == 1
    assert verdict["broken"] == 3
    assert found["rich"]["value"] == "not installed"
    assert "pip install 'rich>=" in found["rich"]["remedy"]
    assert found["click"]["value"] == "7.0, 8.1 is needed"
    assert "libjpeg" in found["pillow"]["value"]
    assert "--force-reinstall" in found["pillow"]["remedy"]
    assert "3 things are broken" in tgc("doctor").stdout


def test_folders_that_cannot_be_used(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("TGC_DATA", str(tmp_path / "nowhere"))
    exit_code, found, _ = findings()
    assert exit_code == 1
    assert found["cache"]["state"] == "broken"
    assert "XDG_CACHE_HOME" in found["cache"]["remedy"]
    assert found["TGC_DATA"]["state"] == "broken"
    assert "unset TGC_DATA" in found["TGC_DATA"]["remedy"]
    assert found["mnist"]["state"] == "broken"


def test_a_damaged_data_set(tmp_path):
    folder = tmp_path / "cache" / "tinygrad_course" / "mnist"
    folder.mkdir(parents=True)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"cut")
    exit_code, found, _ = findings()
    assert exit_code == 1
    assert "expected 4,542 bytes, got 3" in found["mnist"]["value"]
    assert "tgc data fetch mnist" in found["mnist"]["remedy"]


def test_blas_that_leaves_the_processor_unused(monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)

    def remedy(kernels, *features, name="openblas"):
        return checks.kernel_remedy(machine.Blas(name, "0.3", kernels, 1), set(features))

    wide = ("AVX2", "AVX512F")
    assert "export OPENBLAS_CORETYPE=SkylakeX" in remedy("Haswell", *wide)
    assert "export OPENBLAS_CORETYPE=SkylakeX" in remedy("Zen", *wide)
    assert "export OPENBLAS_CORETYPE=Haswell" in remedy("Nehalem", "AVX2")
    sound = [
        ("SkylakeX", *wide),
        ("Haswell", "AVX2"),
        ("Zen", "AVX2"),
        ("neoversen1",),
        ("", *wide),
    ]
    assert [remedy(*each) for each in sound] == [""] * len(sound)
    assert remedy("Haswell", *wide, name="mkl") == ""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "`unset OPENBLAS_CORETYPE` (it is set to Haswell)" in remedy("Haswell", *wide)


def test_more_threads_than_cores_and_little_memory(monkeypatch):
    monkeypatch.setattr(machine, "cores", lambda: (8, 2.0))
    monkeypatch.setattr(machine, "blas", lambda: machine.Blas("openblas", "0.3", "", 8))
    monkeypatch.setattr(machine, "memory", lambda: 100_000_000)
    exit_code, found, _ = findings()
    assert exit_code == 0  # a note breaks nothing
    assert found["threads"]["state"] == "note"
    assert "OMP_NUM_THREADS=2" in found["threads"]["remedy"]
    assert found["memory"]["state"] == "note"
    assert "could be better" in tgc("doctor").stdout


def test_unknown_blas_and_unsupported_python(monkeypatch):
    monkeypatch.setattr(machine, "blas", lambda: None)
    monkeypatch.setattr(checks, "OLDEST", (3, 99))
    monkeypatch.setattr(checks, "NEWEST", (3, 99))
    exit_code, found, _ = findings()
    assert exit_code == 0
    assert found["BLAS"]["state"] == found["Python"]["state"] == "note"


def test_the_required_packages_are_those_of_the_project():
    text = Path(tg.__file__).parents[1].joinpath("pyproject.toml")
    if not text.exists():
        pytest.skip("not a checkout")
    block = text.read_text().split("dependencies = [", 1)[1].split("\n]", 1)[0]
    stated = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', block))
    stated.pop("numba", None)
    assert stated == machine.REQUIRED


def test_the_facts_are_plausible():
    everything, usable = machine.cores()
    assert 0 < usable <= everything
    assert machine.processor()
    assert machine.matmul_speed(64) > 0
    assert machine.older("3.9.1", "3.10")
    assert not machine.older("2.0", "2.0")
    assert machine.import_fault("no_such_package_anywhere").startswith("ModuleNotFoundError")


def test_the_compiled_kernels_are_looked_at():
    _, found, _ = findings()
    if not compiled.available():
        assert found["Numba"]["state"] == "note"
        return
    import numba

    assert found["Numba"]["value"] == numba.__version__
    assert "tiles of" in found["vectors"]["value"]
    assert found["kept in"]["state"] == "ok"


def test_a_missing_numba_is_a_note_with_its_remedy(monkeypatch):
    reason = "Numba is not installed; pip install 'numba>=0.62'"
    monkeypatch.setattr(compiled, "why_not", lambda: reason)
    _, found, _ = findings()
    assert found["Numba"]["state"] == "note"
    assert found["Numba"]["value"] == "Numba is not installed: the NumPy kernels run"
    assert found["Numba"]["remedy"] == "pip install 'numba>=0.62'"


@pytest.mark.skipif(not compiled.available(), reason="Numba is not installed")
def test_one_thread_a_failed_kernel_and_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr(threads, "why_serial", lambda: "no TBB; no OpenMP; pip install tbb")
    monkeypatch.setattr(tg.kernels.implementations("matmul")["numba"], "failure", "it is broken")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(in_the_way))
    exit_code, found, _ = findings()
    assert exit_code == 0
    assert found["thread pool"]["value"] == "1 (no TBB; no OpenMP)"
    assert found["thread pool"]["remedy"] == "pip install tbb"
    assert found["matmul"]["value"] == "numba: it is broken"
    assert found["kept in"]["state"] == "note"
    assert "NUMBA_CACHE_DIR" in found["kept in"]["remedy"]


def test_a_gpu_that_cannot_be_used_is_a_note_with_its_remedy(monkeypatch):
    monkeypatch.setattr(machine, "nvidia_driver", lambda: "580.65")
    monkeypatch.setattr(tg.cuda, "why_not", lambda: "CuPy is not installed; pip install 'it'")
    _, found, _ = findings()
    training = found["training"]
    assert training["state"] == "note"
    assert training["value"] == "on the CPU: CuPy is not installed"
    assert training["remedy"] == "pip install 'it'"
