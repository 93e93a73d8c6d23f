"""Figures and the report: what they say, at the edges too, and that they change nothing else."""

from __future__ import annotations

import base64
import doctest
import importlib
import io
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from tinygrad_course.errors import ArgumentError, FileError, ShapeError
from tinygrad_course.metrics import confusion_matrix
from tinygrad_course.viz import (
    DARK,
    LIGHT,
    confusion_matrix_figure,
    learning_curves,
    save_png,
    worst_mistakes,
    write_report,
)
from tinygrad_course.viz.files import png_bytes
from tinygrad_course.viz.tables import duration, words

HOSTILE = "<script>alert('$\\frac{1$')</script>"


def run(epochs: int) -> list[dict[str, Any]]:
    """A log as a training run writes it, with records that are not epochs in between."""
    log: list[dict[str, Any]] = [{"event": "start", "seed": 0}]
    for epoch in range(1, epochs + 1):
        log.append({"event": "step", "loss": 0.3})
        log.append(
            {
                "event": "epoch",
                "epoch": epoch,
                "train_loss": 2.3 * 0.8**epoch,
                "train_accuracy": 1 - 0.9**epoch,
                "test_loss": 2.0 * 0.8**epoch + 0.01 * epoch,
                "test_accuracy": 0.98 - 0.88**epoch,
                "lr": 0.1,
                "seconds": 1.25,
            }
        )
    return log


def answers(classes: int = 3, count: int = 40) -> dict[str, Any]:
    """Test images with their true and predicted classes, about a third of them wrong."""
    rng = np.random.default_rng(0)
    targets = rng.integers(classes, size=count)
    wrong = rng.random(count) < 0.3
    return {
        "images": rng.normal(size=(count, 6, 6, 1)).astype(np.float32),
        "targets": targets,
        "predictions": np.where(wrong, (targets + 1) % classes, targets),
        "confidences": rng.uniform(0.4, 1, count),
    }


def texts(figure: Any) -> list[str]:
    """Every visible text of a figure."""
    from matplotlib.text import Text

    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text.get_text() for text in found if text.get_text()]


def pixels(figure: Any) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(png_bytes(figure, dpi=50))).convert("RGB"))


def test_doctests() -> None:
    for name in ("curves", "confusion", "mistakes", "tables"):
        result = doctest.testmod(importlib.import_module(f"tinygrad_course.viz.{name}"))
        assert result.attempted > 0
        assert result.failed == 0


class TestLearningCurves:
    @pytest.mark.parametrize("epochs", [1, 2, 30, 500])
    def test_every_length_can_be_drawn(self, epochs: int) -> None:
        figure = learning_curves(run(epochs))
        assert [axes.get_title(loc="left") for axes in figure.axes] == ["Loss", "Accuracy"]
        shown = texts(figure)
        assert {"epoch", "accuracy (%)", "mean loss of an example"} <= set(shown)
        assert any(text.startswith("training ") for text in shown)
        ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        assert all(text.isdigit() for text in ticks)
        assert pixels(figure).std() > 0

    def test_values_and_best_epoch_stand_in_words(self) -> None:
        log = run(3)
        log[4]["test_accuracy"] = 0.98765
        shown = texts(learning_curves(log))
        assert "best on test: 98.77 %, epoch 2" in shown
        assert f"training {100 * log[-1]['train_accuracy']:.2f} %" in shown
        assert f"test {log[-1]['test_loss']:.3g}" in shown

    def test_loss_becomes_logarithmic_when_it_spans_decades(self) -> None:
        assert learning_curves(run(3)).axes[0].get_yscale() == "linear"
        assert learning_curves(run(60)).axes[0].get_yscale() == "log"

    def test_close_labels_are_pushed_apart(self) -> None:
        log = [{"event": "epoch", "epoch": 1, "train_loss": 0.5, "test_loss": 0.5}]
        axes = learning_curves(log).axes[0]
        heights = [text.xy[1] for text in axes.texts if text.get_text().endswith("0.500")]  # type: ignore[attr-defined]
        assert len(heights) == 2
        assert abs(heights[0] - heights[1]) > 0.05

    def test_missing_and_non_finite_values_leave_a_gap(self) -> None:
        log = run(4)
        log[2]["test_loss"] = math.nan
        log[4]["test_loss"] = None
        del log[6]["test_loss"]
        figure = learning_curves(log)
        test_line = figure.axes[0].lines[1]
        assert np.isnan(np.asarray(test_line.get_ydata())).tolist() == [True, True, True, False]
        assert "best on test: 0.859, epoch 4" in texts(figure)
        for record in log:
            record.update(dict.fromkeys(["train_loss", "test_loss"], math.inf))
        assert "no test values in this run" in texts(learning_curves(log))

    def test_a_repeated_epoch_counts_once_with_its_last_values(self) -> None:
        log = [*run(3), {"event": "epoch", "epoch": 3, "train_loss": 0.125}]
        line = learning_curves(log).axes[0].lines[0]
        assert np.asarray(line.get_xdata()).tolist() == [1, 2, 3]
        assert np.asarray(line.get_ydata())[-1] == 0.125

    def test_no_epoch_is_an_error(self) -> None:
        with pytest.raises(ArgumentError, match=r"at least one record with event 'epoch'.* 1;"):
            learning_curves([{"event": "start"}])


class TestConfusionMatrix:
    def test_counts_names_and_recall(self) -> None:
        shown = texts(confusion_matrix_figure([[1234, 6], [0, 0]], ["cat", "dog"]))
        assert {"1,234", "6", "cat", "dog", "true class", "predicted class"} <= set(shown)
        assert {"6 of 1,240 wrong", "99.5 %", "—"} <= set(shown)

    def test_a_rare_mistake_differs_more_from_nothing_than_the_diagonal_does(self) -> None:
        matrix = np.diag([1000, 1000, 1000])
        matrix[0, 1] = 1
        for theme in (LIGHT, DARK):
            figure = confusion_matrix_figure(matrix, theme=theme)
            colors = np.asarray(figure.axes[0].images[0].get_array())
            nothing, right, mistake = colors[1, 0], colors[0, 0], colors[0, 1]
            assert np.abs(mistake - nothing).sum() > 2 * np.abs(right - nothing).sum()

    def test_colours_compare_within_a_row(self) -> None:
        matrix = [[1000, 10, 0], [1, 99, 0], [0, 1, 9]]
        colors = np.asarray(confusion_matrix_figure(matrix).axes[0].images[0].get_array())
        np.testing.assert_allclose(colors[0, 1], colors[1, 0], atol=0.01)
        assert np.abs(colors[2, 1] - colors[0, 1]).max() > 0.2

    def test_counts_are_legible_in_both_themes(self) -> None:
        from matplotlib.colors import to_rgb

        rng = np.random.default_rng(0)
        for theme in (LIGHT, DARK):
            axes = confusion_matrix_figure(rng.integers(0, 50, (9, 9)), theme=theme).axes[0]
            colors = np.asarray(axes.images[0].get_array())
            for text in axes.texts:
                column, row = text.get_position()
                if text.get_text().isdigit():
                    weights = np.array([0.2126, 0.7152, 0.0722])
                    pair = [
                        np.array(color) ** 2.2 @ weights + 0.05
                        for color in (colors[int(row), int(column)], to_rgb(text.get_color()))
                    ]
                    assert max(pair) / min(pair) > 3.5

    @pytest.mark.parametrize("classes", [1, 2, 25, 100, 1000])
    def test_few_and_many_classes(self, classes: int) -> None:
        matrix = np.eye(classes, dtype=int) * 3
        matrix[0, -1] += 1
        names = [f"class number {index}" for index in range(classes)]
        figure = confusion_matrix_figure(matrix, names)
        assert pixels(figure).std() > 0
        assert len(figure.axes[0].get_yticks()) <= 40
        assert ("4" in texts(figure) or "3" in texts(figure)) == (classes <= 25)

    def test_no_mistakes_has_no_scale(self) -> None:
        figure = confusion_matrix_figure(np.eye(4, dtype=int))
        assert len(figure.axes) == 1
        assert "all 4 right" in texts(figure)

    def test_errors(self) -> None:
        with pytest.raises(ShapeError, match=r"matrix expects shape \(K, K\), but has \(2, 3\)"):
            confusion_matrix_figure(np.zeros((2, 3)))
        with pytest.raises(ShapeError, match="class_names expects 2 names, one a class, but got 3"):
            confusion_matrix_figure(np.eye(2), ["a", "b", "c"])


class TestWorstMistakes:
    def test_the_most_confident_come_first(self) -> None:
        images = np.zeros((4, 5, 5))
        figure = worst_mistakes(images, [1, 2, 7, 0], [3, 2, 1, 9], [0.5, 0.9, 0.98, 0.71], count=2)
        assert "3 of 4 examples wrong; the 2 most confident" in texts(figure)
        captions = [text for text in texts(figure) if text.startswith("true")]
        assert captions == ["true 7, said 1 (98 %)", "true 0, said 9 (71 %)"]

    def test_only_certainty_is_100_percent(self) -> None:
        figure = worst_mistakes(np.zeros((2, 3, 3)), [0, 0], [1, 1], [1.0, 0.9999])
        assert {"true 0, said 1 (100 %)", "true 0, said 1 (99 %)"} <= set(texts(figure))

    @pytest.mark.parametrize(
        "shape", [(6, 6), (6, 6, 1), (6, 9, 3), (6, 6, 2), (2,), (1,), (30,), ()]
    )
    def test_every_kind_of_example(self, shape: tuple[int, ...]) -> None:
        given = answers()
        given["images"] = np.random.default_rng(1).normal(size=(40, *shape))
        wrong = int(np.sum(given["targets"] != given["predictions"]))
        figure = worst_mistakes(**given)
        assert any(text.startswith(f"{wrong} of 40 examples wrong") for text in texts(figure))
        assert any(text.startswith("true") for text in texts(figure))
        assert pixels(figure).std() > 0

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.bool_])
    def test_black_and_white_stay_black_and_white(self, dtype: type) -> None:
        images: np.ndarray[Any, Any] = np.zeros((1, 4, 4, 3), dtype)
        images[:, :2] = 200
        drawn = pixels(worst_mistakes(images, [0], [1], [0.9])).reshape(-1, 3)
        assert drawn.min() == 0

    def test_constant_and_non_finite_images(self) -> None:
        images = np.full((2, 4, 4), np.nan)
        images[1] = 7
        assert pixels(worst_mistakes(images, [0, 0], [1, 1], [0.9, 0.8])).std() > 0

    @pytest.mark.parametrize("count", [0, 5])
    def test_zero_mistakes(self, count: int) -> None:
        classes = np.arange(count)
        figure = worst_mistakes(np.zeros((count, 4, 4)), classes, classes, np.ones(count))
        assert set(texts(figure)) == {"No mistakes", f"all {count} examples right"}

    @pytest.mark.parametrize(
        ("change", "error", "message"),
        [
            ({"targets": [0]}, ShapeError, r"targets expects shape \(40,\).*but has \(1,\)"),
            ({"images": np.zeros((40, 2, 2, 2, 2))}, ShapeError, "images expects shape"),
            ({"class_names": ["a"]}, ShapeError, "class_names expects 3 names"),
            ({"count": 0}, ArgumentError, "expect at least 1, but got 0 and 6"),
        ],
    )
    def test_errors(self, change: dict[str, Any], error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            worst_mistakes(**{**answers(), **change})


class Page(HTMLParser):
    """What a browser would fetch, run and show of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "srcset", "href", "style") and v]
        assert not [k for k, _ in attrs if k.startswith("on")]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(" ".join(data.split()))


class TestReport:
    summary: ClassVar[dict[str, Any]] = {
        "title": "LeNet-5 on mnist-12k",
        "command": "tgc train",
        "results": {"test_accuracy": 0.98649, "train_seconds": 41.27, "parameters": 61706},
        "settings": {"lr": 0.1, "shuffle": True, "resume": None, "seed": 12345},
        "environment": {"python": "3.11.7", "kernels": {"conv2d": "reference"}},
    }

    def test_a_full_report(self, tmp_path: Path) -> None:
        path = write_report(tmp_path / "new" / "run", self.summary, run(3), **answers())
        assert path == tmp_path / "new" / "run" / "report.html"
        assert sorted(file.name for file in path.parent.iterdir()) == [
            "confusion_matrix.png",
            "learning_curves.png",
            "mistakes.png",
            "report.html",
        ]
        for file in path.parent.glob("*.png"):
            with Image.open(file) as image:
                image.load()
                assert image.format == "PNG"
                assert min(image.size) > 300
        page = Page(path)
        for text in ("LeNet-5 on mnist-12k", "98.65 %", "41.3 s", "61,706", "12345", "yes", "—"):
            assert text in page.texts
        assert {"recall", "precision", "conv2d reference", "test accuracy"} <= set(page.texts)
        assert page.texts.count("1.2 s") + page.texts.count("1.3 s") == 3

    def test_the_page_needs_nothing_else(self, tmp_path: Path) -> None:
        path = write_report(tmp_path, self.summary, run(2), **answers())
        page = Page(path)
        assert {"script", "link", "iframe", "object", "svg"}.isdisjoint(page.tags)
        assert len(page.links) == 4 + 2 + 4
        for link in page.links:
            assert link.startswith("data:image/png;base64,")
            Image.open(io.BytesIO(base64.b64decode(link.partition(",")[2]))).verify()
        text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", path.read_text("utf-8"))
        assert not re.search(r"https?:|//[a-z]|url\(|@import", text)
        assert "prefers-color-scheme: dark" in text
        assert 'name="viewport"' in text

    def test_hostile_text_is_shown_and_never_run(self, tmp_path: Path) -> None:
        summary = {
            "title": HOSTILE,
            "command": HOSTILE,
            "results": {HOSTILE: HOSTILE},
            HOSTILE: {HOSTILE: [HOSTILE]},
        }
        names = [HOSTILE, '"><img src=x onerror=alert(1)>', "$x$"]
        page = Page(write_report(tmp_path, summary, run(1), class_names=names, **answers()))
        assert "script" not in page.tags
        assert page.tags.count("img") == 3
        assert set(names) | {HOSTILE} <= set(page.texts)

    def test_what_is_not_given_is_left_out(self, tmp_path: Path) -> None:
        page = Page(write_report(tmp_path, {}, []))
        assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
        assert "Training report" in page.texts
        assert page.links == []
        write_report(tmp_path, {}, [], matrix=[[3, 0], [1, 4]])
        assert {file.name for file in tmp_path.iterdir()} == {"report.html", "confusion_matrix.png"}

    def test_the_matrix_is_counted_from_the_answers(self, tmp_path: Path) -> None:
        given = answers()
        one, two = tmp_path / "one", tmp_path / "two"
        write_report(one, {}, [], targets=given["targets"], predictions=given["predictions"])
        matrix = confusion_matrix(given["predictions"], given["targets"])
        write_report(two, {}, [], matrix=matrix)
        for name in ("report.html", "confusion_matrix.png"):
            assert (one / name).read_bytes() == (two / name).read_bytes()

    def test_images_alone_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match="images expects targets, predictions and conf"):
            write_report(tmp_path, {}, [], images=np.zeros((1, 2, 2)), targets=[0])

    def test_the_log_may_come_straight_from_a_file(self, tmp_path: Path) -> None:
        lines = "\n".join(map(json.dumps, run(2)))
        log = [json.loads(line) for line in lines.splitlines()]
        assert "test loss" in Page(write_report(tmp_path, {}, log)).texts


class TestFiles:
    def test_a_failed_write_leaves_the_old_file_and_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "curves.png"
        save_png(learning_curves(run(1)), path)
        before = path.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(FileError, match=r"curves.png cannot be written \(No space left on dev"):
            save_png(learning_curves(run(2)), path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "run").write_text("in the way")
        with pytest.raises(FileError, match="choose another folder"):
            save_png(learning_curves(run(1)), tmp_path / "run" / "a.png")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
    def test_only_files_are_replaced(self, tmp_path: Path) -> None:
        pipe, folder = tmp_path / "pipe.png", tmp_path / "folder.png"
        os.mkfifo(pipe)
        folder.mkdir()
        for path in (pipe, folder):
            with pytest.raises(FileError, match="a folder or a device; give the name of"):
                save_png(learning_curves(run(1)), path)
        assert pipe.is_fifo()
        assert folder.is_dir()

    def test_the_same_figure_gives_the_same_bytes(self) -> None:
        one, two = (png_bytes(worst_mistakes(**answers())) for _ in range(2))
        assert one == two


def test_global_settings_neither_change_nor_matter() -> None:
    import matplotlib as mpl

    def draw() -> list[bytes]:
        curves, matrix = learning_curves(run(3)), confusion_matrix_figure(np.eye(3))
        return [png_bytes(figure) for figure in (curves, matrix, worst_mistakes(**answers()))]

    def settings() -> dict[str, Any]:  # past RcParams, which would choose a backend on being read
        parameters: Any = mpl.rcParams
        return dict(dict.items(parameters))

    before = settings()
    plain = draw()
    assert settings() == before
    with mpl.rc_context({"axes.facecolor": "red", "axes.grid": True, "font.family": "serif"}):
        assert draw() == plain


def test_pyplot_is_never_imported_nor_anything_drawn_before_it_is_asked_for(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, tinygrad_course.viz as viz\n"
        "assert not {'matplotlib', 'jinja2', 'PIL'} & set(sys.modules)\n"
        "viz.save_png(viz.confusion_matrix_figure([[1, 1], [0, 2]]), sys.argv[1] + '/a.png')\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: words("test_accuracy", 1), "100.00 %"),
        (lambda: words("lr", 0.001), "0.001"),
        (lambda: words("test_loss", math.nan), "nan"),
        (lambda: words("test_loss", 0.083), "0.0830"),
        (lambda: words("test_loss", 1.234e-7), "1.23e-07"),
        (lambda: words("milestones", [100, 2000]), "100, 2,000"),
        (lambda: words("seed", np.int64(20240101)), "20240101"),
        (lambda: duration(600), "10 min"),
    ],
)
def test_words(make: Callable[[], str], text: str) -> None:
    assert make() == text
