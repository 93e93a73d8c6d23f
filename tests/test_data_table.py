"""The user's own tables: what becomes of each column, and what is said about those that cannot."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_course import data, errors
from tinygrad_course.data import load_csv
from tinygrad_course.data.cells import read_columns


@pytest.fixture
def table(tmp_path):
    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def rows(*columns):
    return "\n".join(",".join(map(str, row)) for row in zip(*columns, strict=True))


def both(loaded):
    """All rows as (x, y), in the order of their first number."""
    x = np.concatenate([loaded.train.x, loaded.test.x])
    y = np.concatenate([loaded.train.y, loaded.test.y])
    order = np.argsort(x[:, 0])
    return x[order], y[order]


def test_header_target_and_order(table):
    path = table("id,weight,kind\n" + rows(range(10), [0.5 * i for i in range(10)], "abababcacb"))
    for target in ("kind", 2, "2", -1, "-1"):
        loaded = load_csv(path, target, test=0.3, dtype="float64")
        assert loaded.features == ("id", "weight")
        assert loaded.classes == ("a", "b", "c")
        x, y = both(loaded)
        np.testing.assert_array_equal(x, np.stack([np.arange(10), 0.5 * np.arange(10)], 1))
        assert "".join(loaded.classes[k] for k in y) == "abababcacb"
        assert (len(loaded.train.x), len(loaded.test.x)) == (7, 3)
    assert load_csv(path, "kind", drop=["id"], test=0.3).input_shape == (1,)
    same, other = load_csv(path, "kind", test=0.3, seed=1), load_csv(path, "kind", test=0.3, seed=2)
    assert not np.array_equal(same.test.x, other.test.x)
    with pytest.raises(
        errors.ArgumentError, match="no column 'kin' for target; did you mean 'kind'"
    ):
        load_csv(path, "kin")
    with pytest.raises(errors.ArgumentError, match="no column 3 for target"):
        load_csv(path, 3)
    with pytest.raises(errors.ArgumentError, match="Give target=COLUMN, one of id, weight, kind"):
        load_csv(path, None)
    with pytest.raises(errors.ArgumentTypeError, match="target must be a column's name or number"):
        load_csv(path, 1.5)
    with pytest.raises(errors.DataError, match="no column is left to predict 'kind' from"):
        load_csv(path, "kind", drop=["id", 1])


def test_without_a_header(table):
    path = table(rows(range(8), "MRMRMRMR"))
    loaded = load_csv(path, -1)
    assert loaded.features == ("0",)
    assert loaded.classes == ("M", "R")
    assert len(both(loaded)[0]) == 8
    named = table(rows("qrqrqrqr", "uvuvuvvv"))
    assert len(both(load_csv(named, 1, one_hot=True, header=False))[0]) == 8
    assert len(both(load_csv(named, 1, one_hot=True))[0]) == 7  # taken for a header


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 15, "classification"),
        (["yes", "no"] * 15, "classification"),
        ([k % 20 for k in range(40)], "classification"),
        ([k % 21 for k in range(42)], "regression"),
        ([0.5 * k for k in range(30)], "regression"),
        (["1.0", "2.0"] * 15, "classification"),
    ],
)
def test_the_task_is_guessed_from_the_target(table, values, task):
    path = table("x,y\n" + rows(range(len(values)), values))
    loaded = load_csv(path, "y")
    assert loaded.task == task
    if task == "regression":
        assert loaded.train.y.shape == (len(loaded.train.x), 1)
        assert loaded.train.y.dtype == np.float32
        np.testing.assert_allclose(both(loaded)[1].ravel(), values)
    else:
        assert loaded.train.y.dtype == np.int64


def test_the_task_can_be_said(table):
    path = table("x,y\n" + rows(range(30), [k % 3 for k in range(30)]))
    assert load_csv(path, "y", task="regression").train.y.shape == (24, 1)
    assert load_csv(path, "y").classes == ("0", "1", "2")
    half = table("x,y\n" + rows(range(30), [k / 2 for k in range(30)]))
    with pytest.raises(
        errors.DataError, match=r"labels must be whole numbers or text, but one is 0.5"
    ):
        load_csv(half, "y", task="classification")
    words = table("x,y\n" + rows(range(4), "abab"))
    with pytest.raises(errors.DataError, match=r"'y' holds text .*: it can only be classified"):
        load_csv(words, "y", task="regression")
    with pytest.raises(errors.ArgumentError, match="no task 'classify'; did you mean 'classificat"):
        load_csv(path, "y", task="classify")


MIXED = "age,town,paid,ill\n" + rows(
    [10, "", 30, 40, "NA", 60, 70, 80, 90, 100],
    "romaromabo",
    range(10),
    "nynynynyny",
)


def test_missing_values_and_text_are_reported_with_a_remedy(table):
    path = table(MIXED)
    with pytest.raises(errors.DataError) as caught:
        load_csv(path, "ill")
    text = str(caught.value)
    assert "'age' lacks 2 of 10 values: missing='drop'" in text
    assert "missing='mean' fills them, drop=['age']" in text
    assert "'town' holds text in 10 of 10 rows ('a', 'b', 'm', ...): one_hot=['town']" in text
    assert "'paid'" not in text
    assert "'ill'" not in text
    remedied = load_csv(path, "ill", missing="drop", drop=["town"])
    assert both(remedied)[0][:, 0].tolist() == [10, 30, 40, 60, 70, 80, 90, 100]
    filled = load_csv(path, "ill", missing="mean", one_hot=True, dtype="float64")
    names = [f"town={letter}" for letter in "abmor"]
    assert filled.features == ("age", *names, "paid")
    x = np.concatenate([filled.train.x, filled.test.x])
    np.testing.assert_array_equal(x[:, 1:6].sum(1), 1)
    with pytest.raises(errors.ArgumentError, match="no way 'fill' to treat missing values"):
        load_csv(path, "ill", missing="fill")
    with pytest.raises(
        errors.ArgumentError, match="no column 'twon' for one_hot; did you mean 'town'"
    ):
        load_csv(path, "ill", one_hot=["twon"])


def test_means_come_from_the_training_part_alone(table):
    ages = [float(3**k) if k % 4 else "?" for k in range(16)]
    path = table("n,age,y\n" + rows(range(16), ages, [0, 1] * 8))
    loaded = load_csv(path, "y", missing="mean", dtype="float64", seed=5)
    gaps = [part.x[part.x[:, 0] % 4 == 0, 1] for part in (loaded.train, loaded.test)]
    known = loaded.train.x[loaded.train.x[:, 0] % 4 != 0, 1]
    assert len(gaps[0])
    assert len(gaps[1])
    for gap in gaps:
        np.testing.assert_allclose(gap, known.mean())
    everything = np.mean([age for age in ages if age != "?"])
    assert abs(known.mean() - everything) > 1  # what a leak would have filled in


def test_rows_without_a_target(table):
    path = table("x,y\n" + rows(range(10), ["a", "b"] * 4 + ["", "?"]))
    with pytest.raises(
        errors.DataError, match="'y' lacks 2 of 10 values: missing='drop' leaves out tho"
    ):
        load_csv(path, "y")
    assert len(both(load_csv(path, "y", missing="mean"))[0]) == 8


def test_a_stray_word_is_located(table):
    values = [str(k) for k in range(30)]
    values[17] = "about 17"
    path = table("x,y\n" + rows(values, [0, 1] * 15))
    with pytest.raises(
        errors.DataError, match=r"text in 1 of 30 rows \('about 17'\): .* in row 18 of"
    ):
        load_csv(path, "y")
    for odd in ("1_000", "inf", "١٢"):
        values[17] = odd
        with pytest.raises(errors.DataError, match=r"holds text in 1 of 30|must be finite"):
            load_csv(table("x,y\n" + rows(values, [0, 1] * 15)), "y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "expected a table, but the file is empty"),
        (b"a,b\n", "expected rows below the header, but there is none"),
        (b"a,b\n1,2\n3\n", r"line 3: expected 2 cells as in the first row, got 1; is ','"),
        (b"a,a\n1,2\n", "two columns are called 'a'"),
        (b"a,b\n1,\xff\n", "byte 6 is not UTF-8 text"),
        (b"\x1f\x8bxx", "expected a whole gzip file"),
        (b"a,b\n1,2\n3,2\n", "at least two classes, but every label is 2"),
        (b"a,b\n1,2\n3,2\n5,4\n", "every class needs two samples.* '4' has one"),
    ],
)
def test_files_that_are_no_table(table, text, message):
    with pytest.raises(errors.DataError, match=message):
        load_csv(table(text), "b")


def test_delimiters_quotes_encodings_and_compression(table):
    body = 'size;name;y\n1;"a; b";0\n2;"c";1\n3;d;0\n4;"e\nf";1\n'
    loaded = load_csv(table(b"\xef\xbb\xbf" + body.encode()), "y", drop=["name"], test=0.5)
    assert loaded.features == ("size",)
    tabs = load_csv(table(body.replace(";", "\t"), "t.tsv"), "y", drop=["name"], test=0.5)
    np.testing.assert_array_equal(both(tabs)[0], both(loaded)[0])
    packed = table(gzip.compress(body.encode()), "t.csv.gz")
    assert len(both(data.load(packed, target="y", drop=["name"], test=0.5))[0]) == 4
    with pytest.raises(errors.ArgumentError, match="delimiter must be one character"):
        load_csv(table(body), "y", delimiter="::")
    with pytest.raises(errors.DataError, match=r"nowhere\.csv cannot be read \(No such file"):
        load_csv(table(body).with_name("nowhere.csv"), "y")


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=4, max_size=20)
)
def test_numbers_are_read_exactly(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    path.write_text("x\n" + "\n".join(map(repr, values)))
    (column,) = read_columns(path, header=None, delimiter=None)
    assert column.numbers.tolist() == values


@pytest.mark.skipif("TGC_DATA" not in os.environ, reason="TGC_DATA is not set")
def test_real_tables():
    tables = Path(os.environ["TGC_DATA"], "tabular")
    sonar = data.load(tables / "sonar.csv", target=-1)
    assert sonar.input_shape == (60,)
    assert sonar.classes == ("M", "R")
    assert len(both(sonar)[0]) == 208
    penguins = data.load(
        tables / "penguins.csv", target="species", one_hot=["island", "sex"], missing="drop"
    )
    assert penguins.classes == ("Adelie", "Chinstrap", "Gentoo")
    assert len(both(penguins)[0]) == 333
    with pytest.raises(errors.DataError, match=r"'age' lacks 177 of 891 .*(.|\n)*'deck' lacks 688"):
        data.load(tables / "titanic.csv", target="survived")
    abalone = data.load(tables / "abalone.csv", target="-1", one_hot=True)
    assert abalone.task == "regression"
    assert abalone.features[:3] == ("0=F", "0=I", "0=M")
    wine = data.load(tables / "winequality-white.csv", target=11)
    assert wine.classes == tuple("3456789")
    with pytest.raises(errors.DataError, match=r"'2' holds text in 1 of 151 rows \('setosa'\)"):
        data.load(tables / "sklearn" / "iris.csv", target=4)
