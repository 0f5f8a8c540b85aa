"""Which files of a folder make the workspace."""

from pathlib import Path

import pytest

from shared.workspace.files import UnreadableFile, read_folder
from shared.workspace.yaml import MAX_BYTES, read_yaml


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_settings_people_and_plays_but_not_their_tests(tmp_path: Path) -> None:
    write(tmp_path, successplays_yaml="a: 1", people_yaml="", plays__a_yaml="x", plays__deep__b_yaml="y", plays__c_yml="z")
    write(tmp_path, plays__tests__a_yaml="t", scores__s_yaml="s", README_yaml="r", plays__notes="n")
    assert read_folder(tmp_path) == {
        "people.yaml": "",
        "plays/a.yaml": "x",
        "plays/c.yml": "z",
        "plays/deep/b.yaml": "y",
        "successplays.yaml": "a: 1",
    }


def test_an_empty_folder_is_an_empty_workspace(tmp_path: Path) -> None:
    assert read_folder(tmp_path) == {}


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "successplays.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_folder(tmp_path) == {"successplays.yaml": "a: 1"}


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="is not a folder"):
        read_folder(tmp_path / "gone")
    (tmp_path / "people.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(UnreadableFile, match=r"people\.yaml is not UTF-8: byte 6 is 0xe9"):
        read_folder(tmp_path)


def test_of_a_huge_file_enough_is_read_to_refuse_it(tmp_path: Path) -> None:
    (tmp_path / "people.yaml").write_bytes("é".encode() * 5_000_000)
    text = read_folder(tmp_path)["people.yaml"]
    assert MAX_BYTES - 2 < len(text.encode()) <= MAX_BYTES + 1
    assert read_yaml(text + "x", "people.yaml").problems[0].code == "too_large"
