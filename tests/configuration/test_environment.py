"""
Overrides by environment variables.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txregistry.configuration import Loaded, parse
from txregistry.configuration.environment import split
from txregistry.configuration.loading import shape
from txregistry.configuration.shape import Structure
from txregistry.errors import ConfigurationError

FILE = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: /srv/registry
  delete:
    enabled: true
http:
  addr: :5000
  headers:
    X-A: [one, two]
"""


def overridden(**environ: str) -> Loaded:
    """
    :return: the file with some variables, whose names lack their prefix.
    """
    return parse(FILE, {f"REGISTRY_{name}": value for name, value in environ.items()}, "config.yml")


def refusals(**environ: str) -> list[str]:
    """
    :return: what is wrong with some variables.
    """
    with pytest.raises(ConfigurationError) as caught:
        overridden(**environ)
    return [str(problem) for problem in caught.value.problems]


class ValueTests:
    """
    Values of variables.
    """

    def test_replaces(self) -> None:
        """
        A variable wins over the file.
        """
        assert overridden(HTTP_ADDR=":5001").configuration.http.addr == ":5001"

    def test_yaml_value(self) -> None:
        """
        The value is YAML and replaces the whole node.
        """
        http = overridden(HTTP_HEADERS="{X-B: [three]}").configuration.http
        assert http.headers == {"X-B": ("three",)}

    def test_digits_for_a_text(self) -> None:
        """
        A secret of digits is a text.
        """
        assert overridden(HTTP_SECRET="0123").configuration.http.secret == "0123"

    def test_empty_is_the_default(self) -> None:
        """
        An empty value takes the default back.
        """
        assert overridden(STORAGE_DELETE="").configuration.storage.delete.enabled is False

    def test_whole_storage(self) -> None:
        """
        A driver's bare name for all of storage drops every other storage key.
        """
        storage = overridden(STORAGE="inmemory").configuration.storage
        assert (storage.driver, storage.delete.enabled) == ("inmemory", False)

    def test_order_of_names(self) -> None:
        """
        A whole section is set before what stands in it, whatever the order of the environment.
        """
        storage = overridden(
            STORAGE_DELETE_ENABLED="true", STORAGE_INMEMORY="{}", STORAGE="inmemory"
        ).configuration.storage
        assert (storage.driver, storage.delete.enabled) == ("inmemory", True)

    def test_no_section_in_the_file(self) -> None:
        """
        Sections that the file doesn't have are made on the way.
        """
        configuration = overridden(
            VALIDATION_MANIFESTS_INDEXES_PLATFORMS="none", LOG_LEVEL="DEBUG"
        ).configuration
        assert configuration.validation.manifests.indexes.platforms == "none"
        assert configuration.log.level == "debug"

    def test_null_section_in_the_file(self) -> None:
        """
        A section that is written empty can be filled.
        """
        environ = {"REGISTRY_HTTP_PREFIX": "/a"}
        text = "version: 0.1\nstorage: inmemory\nhttp:\n"
        assert parse(text, environ).configuration.http.prefix == "/a/"


class MapTests:
    """
    Keys of mappings that are free.
    """

    def test_case_of_existing_keys(self) -> None:
        """
        An existing key of a map is found in any case, and keeps its own.
        """
        http = overridden(**{"HTTP_HEADERS_x-a": "[three]"}).configuration.http
        assert http.headers == {"X-A": ("three",)}

    def test_new_keys_are_lower_case(self) -> None:
        """
        A new key of a map is made in lower case.
        """
        log = overridden(LOG_FIELDS_SERVICE="registry", LOG_FIELDS_A_B="1").configuration.log
        assert log.fields == {"service": "registry", "a": {"b": 1}}

    def test_double_underscore(self) -> None:
        """
        Two underscores are one in the key.
        """
        storage = overridden(
            STORAGE="{}", STORAGE_MINE_MAX__RETRIES="3", STORAGE_MINE_A__B_C="x"
        ).configuration.storage
        assert storage.driver == "mine"
        assert storage.parameters == {"max_retries": 3, "a_b": {"c": "x"}}

    def test_key_with_underscore_in_the_file(self) -> None:
        """
        A key of the file that holds an underscore is found by its own name.
        """
        text = "version: 0.1\nstorage: {mine: {max_retries: 1}}\n"
        loaded = parse(text, {"REGISTRY_STORAGE_MINE_MAX_RETRIES": "3"})
        assert loaded.configuration.storage.parameters == {"max_retries": 3}

    def test_known_key_with_underscore(self) -> None:
        """
        Azure's max_retries is known, and so found where no file has it.
        """
        found = refusals(STORAGE="{azure: {}}", STORAGE_AZURE_MAX_RETRIES="[")
        assert any("REGISTRY_STORAGE_AZURE_MAX_RETRIES" in line for line in found)
        assert split("REGISTRY_STORAGE_AZURE_MAX_RETRIES") == ["STORAGE", "AZURE", "MAX", "RETRIES"]
        azure = shape().names["storage"]
        assert isinstance(azure, Structure)
        parameters = azure.names["azure"]
        assert isinstance(parameters, Structure)
        assert "max_retries" in parameters.names


class ListTests:
    """
    Elements of lists.
    """

    def test_scalar_by_index(self) -> None:
        """
        An index as the last part sets a text in a list; the length appends.
        """
        http = overridden(**{"HTTP_HEADERS_X-A_0": "uno", "HTTP_HEADERS_X-A_2": "tre"})
        assert http.configuration.http.headers == {"X-A": ("uno", "two", "tre")}

    def test_new_list(self) -> None:
        """
        Index 0 begins a list, which then replaces the default.
        """
        http = overridden(HTTP_TRUSTEDPROXIES_0="192.0.2.0/24").configuration.http
        assert [str(network) for network in http.trustedproxies] == ["192.0.2.0/24"]

    def test_structures(self) -> None:
        """
        Keys of an element are set by its index.
        """
        middleware = overridden(
            MIDDLEWARE_STORAGE_0_NAME="mine", MIDDLEWARE_STORAGE_0_OPTIONS_DEEP_0="x"
        ).configuration.middleware
        (only,) = middleware.storage
        assert (only.name, only.options) == ("mine", {"deep": {"0": "x"}})

    def test_numeric_order(self) -> None:
        """
        Index 10 comes after index 9, so that a list of any length can be written.
        """
        environ = {f"VALIDATION_MANIFESTS_URLS_ALLOW_{n}": f"^{n}$" for n in range(12)}
        urls = overridden(**environ).configuration.validation.manifests.urls
        assert [pattern.pattern for pattern in urls.allow] == [f"^{n}$" for n in range(12)]

    def test_undefined_index(self) -> None:
        """
        An index beyond the end is an error that names the variable.
        """
        assert refusals(HTTP_TRUSTEDPROXIES_1="192.0.2.0/24") == [
            (
                "REGISTRY_HTTP_TRUSTEDPROXIES_1: http.trustedproxies:"
                " undefined index: 1; the next of this list is 0"
            )
        ]

    def test_non_numeric_index(self) -> None:
        """
        So is a name where an index belongs.
        """
        assert refusals(HTTP_TRUSTEDPROXIES_A="192.0.2.0/24") == [
            "REGISTRY_HTTP_TRUSTEDPROXIES_A: http.trustedproxies: non-numeric index: A"
        ]


class ProblemTests:
    """
    Variables that are wrong, or mean nothing.
    """

    def test_bad_yaml_names_itself(self) -> None:
        """
        A value that is no YAML names its variable, and doesn't quote itself.
        """
        (line,) = refusals(HTTP_SECRET="*hunter2")
        assert line.startswith("REGISTRY_HTTP_SECRET: the value is not valid YAML")
        assert "hunter2" not in line

    def test_bad_value_names_variable_and_key(self) -> None:
        """
        A value of the wrong kind names its variable and its key.
        """
        assert refusals(STORAGE_DELETE_ENABLED="'yes'") == [
            (
                "REGISTRY_STORAGE_DELETE_ENABLED: storage.delete.enabled:"
                " must be true or false, not a string"
            )
        ]

    def test_below_a_value(self) -> None:
        """
        A part too many is ignored with a warning.
        """
        (warning,) = overridden(HTTP_ADDR_X="1").warnings
        assert str(warning) == (
            "REGISTRY_HTTP_ADDR_X: http.addr: ignored: nothing stands below this key"
        )

    def test_scalar_in_the_way(self) -> None:
        """
        A text where a section belongs is not silently thrown away.
        """
        found = refusals(LOG="x", LOG_LEVEL="debug")
        assert "REGISTRY_LOG_LEVEL: log: there is a string here, not a mapping" in found
        assert "REGISTRY_LOG: log: must be a mapping, not a string" in found

    def test_mapping_where_a_list_belongs(self) -> None:
        """
        A mapping where a list belongs isn't either.
        """
        found = refusals(HTTP_TRUSTEDPROXIES="{}", HTTP_TRUSTEDPROXIES_0="::1")
        assert (
            "REGISTRY_HTTP_TRUSTEDPROXIES_0: http.trustedproxies: there is a mapping here,"
            " not a list"
        ) in found

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("HTP_ADDR", "htp: unrecognized environment variable, ignored; did you mean http?"),
            ("HTTP_ADR", "http.adr: unknown key, ignored; did you mean addr?"),
            ("http_addr", "http: unrecognized environment variable, ignored; did you mean http?"),
            ("ZZZ", "zzz: unrecognized environment variable, ignored"),
        ],
    )
    def test_unknown(self, name: str, text: str) -> None:
        """
        An unknown name is a warning with the nearest known one.
        """
        (warning,) = overridden(**{name: "1"}).warnings
        assert str(warning) == f"REGISTRY_{name}: {text}"
        assert warning.unknown

    @pytest.mark.parametrize(
        "name",
        [
            "CONFIGURATION_PATH",
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_HTTP",
            "PORT",
            "PORT_5000_TCP",
            "PORT_5000_TCP_ADDR",
        ],
    )
    def test_not_overrides(self, name: str) -> None:
        """
        The path of the file, and what Kubernetes sets for a service "registry", are no overrides.
        """
        assert overridden(**{name: "tcp://10.0.0.1:5000"}).warnings == ()

    def test_others_are_nobodys(self) -> None:
        """
        A variable without the prefix is not looked at.
        """
        assert parse(FILE, {"HTTP_ADDR": "[", "REGISTRYHTTP_ADDR": "["}).warnings == ()

    @pytest.mark.parametrize(
        "name",
        [
            "HEALTH_FILECHECKERS_0_FILE",
            "HEALTH_FILE_0_FILE",
            "HEALTH_HTTPCHECKERS_0_URI",
            "HEALTH_TCPCHECKERS_0_ADDR",
            "LOG_HOOKS_0_MAILOPTIONS_TO_0",
            "LOG_HOOKS_0_OPTIONS_SMTP_ADDR",
            "NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES",
            "NOTIFICATIONS_EVENTS_INCLUDEREFERENCES",
        ],
    )
    def test_both_names(self, name: str) -> None:
        """
        The name that distribution uses inside and the name of the key are both known.
        """
        assert not any(warning.unknown for warning in overridden(**{name: "true"}).warnings)

    def test_tls_by_index(self) -> None:
        """
        An authority set by its index is seen, and so refused until there is TLS.
        """
        (line,) = refusals(HTTP_TLS_CLIENTCAS_0="/ca.pem")
        assert line.startswith("REGISTRY_HTTP_TLS_CLIENTCAS_0: http.tls: TLS is not part")


class SplitTests:
    """
    Names and their parts, whatever they are.
    """

    @given(
        st.lists(st.from_regex(r"[A-Z0-9](?:[A-Z0-9_]{0,6}[A-Z0-9])?", fullmatch=True), min_size=1)
    )
    def test_escaped(self, parts: list[str]) -> None:
        """
        Parts that were written with doubled underscores come out as they were.
        """
        # Three in a row can't be told apart, and no key has two.
        parts = [part for part in parts if "__" not in part] or ["A"]
        name = "_".join(part.replace("_", "__") for part in parts)
        assert split(f"REGISTRY_{name}") == parts

    @given(st.dictionaries(st.text(alphabet="HTPADRSOGE_0129xé"), st.text(max_size=20)))
    def test_any_environment(self, environ: dict[str, str]) -> None:
        """
        No environment does worse than to be refused.
        """
        with suppress(ConfigurationError):
            assert overridden(**environ).configuration.storage.driver
