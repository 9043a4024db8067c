"""
Files, whole configurations, and that nothing comes out but what is promised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from txregistry.configuration import check, load, parse
from txregistry.configuration.document import LARGEST
from txregistry.configuration.loading import shape
from txregistry.configuration.shape import Listed, Shape, Structure
from txregistry.errors import ConfigurationError, Problem

#: What the official image of version 3 has.
STOCK = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
"""
STOCK_WITH_HEALTH = f"""\
{STOCK}  debug:
    addr: :5001
    prometheus:
      enabled: true
      path: /metrics
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
"""


class StockTests:
    """
    What official images have.
    """

    @pytest.mark.parametrize(
        ("text", "keys"),
        [
            (STOCK, []),
            (STOCK_WITH_HEALTH, ["http.debug", "health"]),
        ],
    )
    def test_starts(self, text: str, keys: list[str]) -> None:
        """
        The configuration of the official image starts, with a warning for each part left out.
        """
        found = parse(text, {})
        assert [warning.key for warning in found.warnings] == keys
        assert {warning.severity for warning in found.warnings} <= {"warning"}
        assert found.configuration.storage.cache.blobdescriptor == "inmemory"
        assert found.configuration.storage.parameters["rootdirectory"] == "/var/lib/registry"
        assert found.configuration.http.headers == {"X-Content-Type-Options": ("nosniff",)}


class FileTests:
    """
    From a file.
    """

    def failure(self, path: Path) -> str:
        """
        :return: what is said of a file.
        """
        with pytest.raises(ConfigurationError) as caught:
            load(str(path), {})
        (problem,) = caught.value.problems
        return str(problem)

    def test_loaded(self, tmp_path: Path) -> None:
        """
        A file is read, with the mark that some editors put before it.
        """
        path = tmp_path / "config.yml"
        path.write_text("\ufeffversion: 0.1\nstorage: inmemory\n")
        assert load(str(path), {}).configuration.storage.driver == "inmemory"

    def test_missing(self, tmp_path: Path) -> None:
        """
        A file that isn't there is one line.
        """
        path = tmp_path / "nowhere.yml"
        assert self.failure(path) == f"{path}: can't be read: No such file or directory"

    def test_directory(self, tmp_path: Path) -> None:
        """
        So is a directory.
        """
        assert self.failure(tmp_path) == f"{tmp_path}: can't be read: Is a directory"

    def test_no_name(self) -> None:
        """
        So is what can't be the name of a file.
        """
        assert "this is no name of a file" in self.failure(Path("a\0b"))

    def test_not_utf8(self, tmp_path: Path) -> None:
        """
        Bytes that are no UTF-8 are told by their line.
        """
        path = tmp_path / "config.yml"
        path.write_bytes(b"version: 0.1\nstorage: \xff\n")
        assert self.failure(path) == f"{path}:2: is not valid UTF-8"

    def test_large(self, tmp_path: Path) -> None:
        """
        A file without end is refused before it is parsed.
        """
        path = tmp_path / "config.yml"
        path.write_bytes(b"#" * (8 * LARGEST))
        assert "is larger than" in self.failure(path)

    def test_check(self, tmp_path: Path) -> None:
        """
        A check tells every problem, and the effective configuration where there is one.
        """
        path = tmp_path / "config.yml"
        path.write_text("version: 0.1\nstorage: inmemory\nhttp: {adr: x}\n")
        found, text = check(str(path), {"REGISTRY_HTTP_ADDR": ":1"})
        assert [str(problem) for problem in found] == [
            f"{path}:3: http.adr: unknown key, ignored; did you mean addr?"
        ]
        assert yaml.safe_load(text or "")["http"]["addr"] == ":1"
        found, text = check(str(path), {"REGISTRY_HTTP_ADDR": "x"})
        assert [problem.severity for problem in found] == ["warning", "error"]
        assert text is None


class DocumentTests:
    """
    The document as a whole.
    """

    @pytest.mark.parametrize(
        ("text", "complaints"),
        [
            (
                "",
                [
                    'config.yml: version: unsupported version: ""; write `version: 0.1`',
                    "config.yml: storage: no storage configuration provided",
                ],
            ),
            (
                "[a]",
                ["config.yml:1: must be a mapping that begins with `version: 0.1`, not a list"],
            ),
            (
                "version: 0.2\nstorage: inmemory\n",
                ['config.yml:1: version: unsupported version: "0.2"; this is 0.1'],
            ),
            (
                "version: 1\nstorage: inmemory\n",
                ['config.yml:1: version: unsupported version: "1"; this is 0.1'],
            ),
            (
                "version: 0.1\nstorage: inmemory\nstorage: inmemory\n",
                [
                    "config.yml:3: is not valid YAML: the key is here twice, first on line 2",
                ],
            ),
            (
                "version: 0.1\n  storage: inmemory\n",
                ["config.yml:2: is not valid YAML: mapping values are not allowed here"],
            ),
        ],
    )
    def test_whole(
        self, problems: Callable[..., list[str]], text: str, complaints: list[str]
    ) -> None:
        """
        What is wrong with the document as a whole is a line for each mistake.
        """
        assert problems(text) == complaints

    def test_quoted_version(self) -> None:
        """
        The version may be quoted.
        """
        assert parse("version: '0.1'\nstorage: inmemory\n", {}).configuration.version == "0.1"

    def test_problem_of_others(self) -> None:
        """
        Whoever finds more to say about a key can name its line.
        """
        found = parse(
            "version: 0.1\nstorage:\n  mine: {}\n",
            {"REGISTRY_STORAGE_MINE_A": "b"},
            "config.yml",
        )
        assert str(found.problem("storage.mine", "no such driver")) == (
            "config.yml:3: storage.mine: no such driver"
        )
        assert str(found.problem("storage.mine.a", "x")) == (
            "REGISTRY_STORAGE_MINE_A: storage.mine.a: x"
        )
        assert str(found.problem("storage.mine.c", "x")) == "config.yml: storage.mine.c: x"

    def test_plain_texts_are_problems(self) -> None:
        """
        An error of a factory that knows no key is a problem as well.
        """
        error = ConfigurationError(["too bad"])
        assert error.problems == (Problem(text="too bad"),)
        assert str(error) == "too bad"


def known_keys(below: Shape, prefix: str = "REGISTRY") -> list[str]:
    """
    :return: the names of variables for all that is known.
    """
    if isinstance(below, Listed):
        return known_keys(below.item, f"{prefix}_0")
    if not isinstance(below, Structure):
        return [prefix]
    found = [prefix]
    for name, child in below.names.items():
        found += known_keys(child, f"{prefix}_{name.upper()}")
    return found


#: Values of variables, with bars between.
VALUES = (
    "|~|true|1|-1|1.5|x|[]|[x]|[{}]|{}|{a: b}|10s|2020-01-01|[[1]]|{a: [b]}|'|*x|!!int x|0b"
    "|99999999999999999999999|.nan|inmemory|{s3: }|\0"
)
KEYS = (
    "version storage http log filesystem delete enabled addr limits headers level fields validation"
    " manifests auth middleware name options tls proxy notifications"
)


def outcome(text: str, environ: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """
    :return: the problems of a configuration, which has an error among them or is given.
    """
    try:
        found = parse(text, environ or {})
    except ConfigurationError as error:
        problems = error.problems
    else:
        assert found.configuration.storage.driver
        return found.warnings
    assert any(problem.severity == "error" for problem in problems)
    return problems


class PromiseTests:
    """
    Problems, or a configuration, and nothing else.
    """

    @given(
        st.dictionaries(
            st.sampled_from(known_keys(shape())), st.sampled_from(VALUES.split("|")), max_size=8
        ),
        st.sampled_from([STOCK, "", "version: 0.1\nstorage: inmemory"]),
    )
    def test_known_variables(self, environ: dict[str, str], text: str) -> None:
        """
        Whatever stands at known keys, there is a configuration or a list of problems.
        """
        assert all("\n" not in str(problem) for problem in outcome(text, environ))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=5)
            ),
            max_leaves=20,
        )
    )
    def test_documents(self, document: object) -> None:
        """
        Whatever a document holds, there is a configuration or a list of problems.
        """
        assert all(
            problem.text for problem in outcome(yaml.safe_dump(document, allow_unicode=True))
        )

    @given(st.text(max_size=200))
    def test_texts(self, text: str) -> None:
        """
        Whatever a text is, there is a configuration or a list of problems.
        """
        assert all(problem.text for problem in outcome(text))

    @given(st.binary(max_size=200))
    def test_bytes(self, data: bytes) -> None:
        """
        Any environment of bytes that an operating system may hand over is borne.
        """
        assert all(
            problem.text
            for problem in outcome(
                STOCK, {"REGISTRY_HTTP_ADDR": data.decode("utf-8", "surrogateescape")}
            )
        )
