"""The user's own pictures: what is read, what is refused, and what the refusal says."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygrad_course import data, errors
from tinygrad_course.data import load_folder


def picture(path, level=0, size=(5, 4), mode="L", **options):
    """A picture of one colour, width x height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(Image.new(mode, (1, 1)).getbands())
    colour = level if channels == 1 else (level,) * channels
    Image.new(mode, size, colour).save(path, **options)


@pytest.fixture
def pets(tmp_path):
    for label, name in enumerate(("cat", "dog", "eel")):
        for i in range(10):
            picture(tmp_path / "pets" / name / f"{i}.png", 100 * label + i)
    return tmp_path / "pets"


def test_a_folder_for_each_class(pets):
    loaded = load_folder(pets, seed=3, dtype="uint8")
    assert loaded.classes == ("cat", "dog", "eel")
    assert loaded.name == "pets"
    assert loaded.origin == "own"
    assert loaded.train.x.shape == (24, 4, 5, 1)
    assert np.bincount(loaded.test.y).tolist() == [2, 2, 2]
    x = np.concatenate([loaded.train.x, loaded.test.x])[:, 0, 0, 0]
    y = np.concatenate([loaded.train.y, loaded.test.y])
    np.testing.assert_array_equal(x // 100, y)
    assert len(set(x)) == 30
    again, other = load_folder(pets, seed=3), load_folder(pets, seed=4)
    np.testing.assert_array_equal(again.test.x, loaded.test.x.astype(np.float32) / 255)
    assert not np.array_equal(again.test.x, other.test.x)
    assert len(load_folder(pets, test=0.5).test.x) == 15


def test_files_that_are_no_pictures_are_passed_over(pets):
    (pets / "cat" / ".hidden.png").write_bytes(b"x")
    (pets / "cat" / "notes.txt").write_text("x")
    (pets / ".cache").mkdir()
    assert len(load_folder(pets).train.x) == 24


def test_colours_jpeg_transparency_and_the_camera(pets):
    picture(pets / "cat" / "red.PNG", 200, mode="RGBA")
    picture(pets / "dog" / "photo.JPEG", 50, mode="RGB")
    turned = Image.new("RGB", (4, 5), (9, 9, 9))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(pets / "eel" / "upright.jpg", exif=exif)
    loaded = load_folder(pets, dtype="uint8")
    assert loaded.input_shape == (4, 5, 3)
    assert sum(len(part.x) for part in (loaded.train, loaded.test)) == 33


@pytest.mark.parametrize("name", ["test", "val", "Validation"])
def test_parts_are_taken_as_they_lie(tmp_path, name):
    for part, count in (("train", 3), (name, 1)):
        for label in ("a", "b"):
            for i in range(count):
                picture(tmp_path / part / label / f"{i}.png", 7)
    loaded = load_folder(tmp_path)
    assert (len(loaded.train.x), len(loaded.test.x)) == (6, 2)
    assert loaded.test.y.tolist() == [0, 1]
    assert f"tested on {name}/" in loaded.description
    picture(tmp_path / name / "c" / "0.png")
    with pytest.raises(errors.DataError, match=r"holds the class 'c', which .*train does not"):
        load_folder(tmp_path)
    (tmp_path / name / "c" / "0.png").unlink()
    (tmp_path / name / "c").rmdir()
    picture(tmp_path / "train" / "c" / "0.png")
    with pytest.raises(errors.DataError, match=rf"{name} lacks the class 'c', which .*train holds"):
        load_folder(tmp_path)


def test_test_comes_before_val_and_train_may_be_a_class(tmp_path):
    for part, level in (("train", 1), ("val", 2), ("test", 3)):
        for label in ("a", "b"):
            picture(tmp_path / "all" / part / label / "0.png", level)
    assert load_folder(tmp_path / "all", dtype="uint8").test.x.max() == 3
    for label in ("train", "bus"):
        for i in range(2):
            picture(tmp_path / "rail" / label / f"{i}.png")
    assert load_folder(tmp_path / "rail", test=0.5).classes == ("bus", "train")
    for label in ("a", "b"):
        picture(tmp_path / "half" / "test" / label / "0.png")
    with pytest.raises(errors.DataError, match="holds test/ but no train/"):
        load_folder(tmp_path / "half")


def test_sizes_must_agree_or_are_made_to(pets):
    picture(pets / "dog" / "odd.png", 255, size=(9, 3))
    with pytest.raises(
        errors.DataError,
        match=r"odd.png is 3 x 9 \(height x width\) and 30 of 31 are 4 x 5; size=\(4, 5\) resizes",
    ):
        load_folder(pets)
    assert load_folder(pets, size=(4, 5)).input_shape == (4, 5, 1)
    square = load_folder(pets, size=6)
    assert square.input_shape == (6, 6, 1)
    whole = np.concatenate([square.train.x, square.test.x])
    assert (whole == 1).all((1, 2, 3)).sum() == 1  # one colour stays one colour
    for size in (0, (3, 0), (1, 2, 3), 2.5):
        with pytest.raises((errors.ArgumentError, errors.ArgumentTypeError), match="size must be"):
            load_folder(pets, size=size)


def test_every_unreadable_file_is_named(pets):
    noise = np.random.default_rng(0).integers(0, 256, (50, 50), np.uint8)
    Image.fromarray(noise).save(pets / "cat" / "1.png")
    whole = (pets / "cat" / "1.png").read_bytes()
    (pets / "cat" / "1.png").write_bytes(whole[:1000])  # its header is sound
    (pets / "dog" / "2.png").write_bytes(b"")
    (pets / "eel" / "3.jpg").write_bytes(b"\xff\xd8\xff nothing")
    with pytest.raises(errors.DataError) as caught:
        load_folder(pets, size=4)
    assert "2 pictures cannot be read" in str(caught.value)  # seen from their headers
    assert str(pets / "dog" / "2.png") in str(caught.value)
    assert str(pets / "eel" / "3.jpg") in str(caught.value)
    (pets / "dog" / "2.png").unlink()
    (pets / "eel" / "3.jpg").unlink()
    with pytest.raises(errors.DataError, match=r"1 picture cannot(.|\n)*cat/1\.png: .*truncated"):
        load_folder(pets, size=4)
    for i in range(20):
        (pets / "cat" / f"bad{i}.png").write_bytes(b"x")
    with pytest.raises(errors.DataError, match=r"20 pictures(.|\n)*and 10 more"):
        load_folder(pets, size=4)


def test_what_is_refused(pets, tmp_path):
    picture(pets / "cat" / "deep.png", 300, mode="I;16")
    with pytest.raises(errors.DataError, match=r"deep\.png: pixels of the kind I;16, not 8 bits"):
        load_folder(pets)
    (pets / "cat" / "deep.png").unlink()
    (pets / "cat" / "old.bmp").write_bytes(b"")
    with pytest.raises(errors.DataError, match=r"old\.bmp: only PNG and JPEG are read"):
        load_folder(pets)
    (pets / "cat" / "old.bmp").unlink()
    (pets / "fox").mkdir()
    with pytest.raises(errors.DataError, match=r"PNG or JPEG files in .*fox, but it is empty"):
        load_folder(pets)
    picture(pets / "fox" / "one.png")
    with pytest.raises(errors.DataError, match=r"every class needs two samples.* 'fox' has one"):
        load_folder(pets)
    with pytest.raises(errors.DataError, match=r"but .*nowhere is not there"):
        load_folder(tmp_path / "nowhere")
    with pytest.raises(errors.DataError, match=r"one\.png is not a folder"):
        load_folder(pets / "fox" / "one.png")
    with pytest.raises(errors.DataError, match="at least two, but there is none; put"):
        load_folder(pets / "cat")
    with pytest.raises(errors.DtypeError, match="dtype must be"):
        load_folder(pets, dtype="int32")
    with pytest.raises(errors.ArgumentTypeError, match="path must be a string or a Path"):
        load_folder(3)


@pytest.mark.skipif("TGC_DATA" not in os.environ, reason="TGC_DATA is not set")
def test_ants_and_bees():
    folder = Path(os.environ["TGC_DATA"], "images", "hymenoptera-160")
    insects = data.load(folder, size=32)
    assert insects.classes == ("ants", "bees")
    assert np.bincount(insects.train.y).tolist() == [123, 121]
    assert np.bincount(insects.test.y).tolist() == [70, 83]
    assert insects.input_shape == (32, 32, 3)
