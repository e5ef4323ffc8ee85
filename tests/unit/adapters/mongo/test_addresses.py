"""A password of MongoDB may hold any character, and no message holds a part of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymongo.uri_parser import parse_uri

from retail_devstack.environment import settings_of
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.users import user_uri
from retail_pipeline.errors import SettingsError
from retail_pipeline.settings import DEVELOPMENT_SECRET, Settings, load_settings, secret_folders

ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(password=ANY)
@example(password="+ /@%41:?#[]&$'\"\\")
def test_the_driver_reads_the_very_password_that_was_set(password: str) -> None:
    settings = Settings(
        mongo_writer_uri="mongodb://retail_writer@here:1/?authSource=retail_db",
        mongo_writer_password=password,
    )
    for uri in settings.mongo("writer"), user_uri("writer", password, "here:1", "retail_db"):
        read = parse_uri(uri)
        assert (read["username"], read["password"]) == ("retail_writer", password)
        assert read["nodelist"] == [("here", 1)] and read["options"]["authSource"] == "retail_db"


@pytest.mark.parametrize(
    ("uri", "full"),
    [
        ("mongodb://u@a,b/?x=1", "mongodb://u:p%40ss@a,b/?x=1"),
        ("mongodb://u:@a", "mongodb://u:p%40ss@a"),
        ("mongodb+srv://u@a/db", "mongodb+srv://u:p%40ss@a/db"),
        ("mongodb://u:own@a", "mongodb://u:own@a"),
        ("mongodb://a:27017", "mongodb://a:27017"),
    ],
)
def test_a_role_s_password_completes_an_address_with_a_user_only(uri: str, full: str) -> None:
    assert Settings(mongo_uri=uri, mongo_reader_password="p@ss").mongo("reader") == full


@pytest.mark.parametrize(
    "password", ["se@cret", "se/cret", "se?cret=1", "se#cret", "se:cret", "1?se=cret", "se%cret"]
)
def test_a_password_that_is_not_escaped_names_the_setting_and_no_part_of_it(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGO_READER_URI", f"mongodb://retail_reader:{password}@here/db")
    with pytest.raises(SettingsError, match="^MONGO_READER_URI: .* MONGO_READER_PASSWORD") as it:
        load_settings()
    assert "cret" not in str(it.value) and "se" not in str(it.value).split()


def test_a_password_is_read_from_a_file_of_a_container_s_secrets(tmp_path: Path) -> None:
    (tmp_path / "writer").mkdir()
    (tmp_path / "writer/mongo_writer_password").write_text("p@ss ключ")
    (tmp_path / "mongo_reader_password").write_text("of the reader")
    folders = secret_folders(tmp_path)
    settings = Settings(mongo_uri="mongodb://u@a", _secrets_dir=folders)
    assert settings.mongo_writer_password == "p@ss ключ"
    assert settings.mongo("reader") == "mongodb://u:of%20the%20reader@a"
    assert secret_folders(tmp_path / "none") == []


def test_a_wrong_setting_does_not_show_the_passwords_beside_it() -> None:
    env = {"LOG_LEVEL": "LOUD", "MONGO_READER_URI": "mongodb://u:secret@here"}
    with pytest.raises(SettingsError, match="^LOG_LEVEL: ") as raised:
        settings_of(env)
    assert "secret" not in str(raised.value)
    assert "secret" not in repr(settings_of(env | {"LOG_LEVEL": "INFO"}))


def test_a_user_without_a_password_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="its password.* password is required"):
        connect(Settings(mongo_uri="mongodb://somebody@here").mongo("writer"), name="tests")


@pytest.mark.parametrize(
    "own",
    [
        {"mongo_writer_uri": "mongodb://u@here", "mongo_writer_password": "dev-only-writer"},
        {"mongo_writer_uri": "mongodb://u:%64ev-only-writer@here"},
    ],
)
def test_staging_refuses_a_development_password_however_it_is_given(own: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="the writer's MongoDB password"):
        settings_of({"RETAIL_ENV": "staging", **{k.upper(): v for k, v in own.items()}})


def test_a_development_password_that_is_not_used_is_no_hindrance() -> None:
    own = {"MONGO_WRITER_PASSWORD": DEVELOPMENT_SECRET, "MONGO_WRITER_URI": "mongodb://u:own@here"}
    assert settings_of({"RETAIL_ENV": "production", **own}).mongo("writer").endswith("u:own@here")
