"""Wrong answers of kinds that no bank holds, as unfriendly students type them: `tests/answers/`.

An answer's first lines say what has to be told: `#: input | the diagnosis' name | the line shown`.
"""

import json
import re
import time
from pathlib import Path

import pytest
from cli_runner import tgc

ANSWERS = sorted((Path(__file__).parent / "answers").glob("*.txt"))
MOST_SECONDS = 20.0  # a search that never ends would be worse than no name


def expected(text):
    lines = [line[2:] for line in text.splitlines() if line.startswith("#:")]
    return {
        label: (name, line)
        for label, name, line in (re.split(r" \| ", row.strip(), maxsplit=2) for row in lines)
    }


def test_there_are_answers():
    assert len(ANSWERS) >= 25


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda path: path.stem)
def test_an_answer_is_told_what_is_wrong(answer, tmp_path):
    text = answer.read_text()
    wanted = expected(text)
    path = tmp_path / "answer.py"
    path.write_text(text)
    start = time.process_time()
    result = tgc("check", path, "--json")
    assert time.process_time() - start < MOST_SECONDS
    assert result.exit_code == (1 if wanted else 0)
    (record,) = [json.loads(row) for row in result.stdout.splitlines()]
    wrong = {f["label"]: f for f in record["findings"] if f["verdict"] != "right"}
    assert set(wrong) == set(wanted), record
    for label, (name, line) in wanted.items():
        assert [d["name"] for d in wrong[label]["diagnoses"]] == [name]
        assert wrong[label]["line"]["code"] == line
    assert not [note for note in record["notes"] if "failed" in note]


def test_the_repair_is_printed_with_its_line(tmp_path):
    answer = next(a for a in ANSWERS if a.stem == "layer_norm_over_the_batch")
    path = tmp_path / "answer.py"
    path.write_text(answer.read_text())
    text = tgc("check", path).stdout
    assert "the sums and means have to run over axis 1" in text
    assert "answer.py line " in text
    hint = tgc("check", path, "--hints", "1").stdout
    assert "hint 1 (where)" in hint
    assert "keepdims" not in hint
