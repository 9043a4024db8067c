"""
The effective configuration, as it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from txregistry.configuration import Loaded, effective, parse
from txregistry.configuration.effective import MASK, plain_document

Parse = Callable[..., Loaded]

WORDS = st.text(alphabet="abcxyz", min_size=1, max_size=8)
SECONDS = st.integers(min_value=1_000_000, max_value=10**15)


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """
    :return: configurations that are right.
    """
    return st.fixed_dictionaries(
        {"version": st.just(0.1), "storage": st.just({"inmemory": {}})},
        optional={
            "log": st.fixed_dictionaries(
                {},
                optional={
                    "level": st.sampled_from(["error", "warn", "info", "debug"]),
                    "fields": st.dictionaries(WORDS, WORDS | st.integers() | st.booleans()),
                },
            ),
            "http": st.fixed_dictionaries(
                {},
                optional={
                    "addr": st.integers(0, 65535).map(lambda port: f"localhost:{port}"),
                    "prefix": WORDS,
                    "host": WORDS.map(lambda word: f"https://{word}/x"),
                    "draintimeout": SECONDS,
                    "headers": st.dictionaries(WORDS, st.lists(WORDS)),
                    "trustedproxies": st.lists(st.ip_addresses().map(str)),
                    "limits": st.fixed_dictionaries(
                        {},
                        optional={
                            "head": st.integers(1024, 2**40),
                            "bodyidle": SECONDS,
                            "tags": st.integers(1, 10**6),
                        },
                    ),
                },
            ),
            "middleware": st.fixed_dictionaries(
                {},
                optional={
                    "storage": st.lists(
                        st.fixed_dictionaries(
                            {"name": WORDS},
                            optional={
                                "disabled": st.booleans(),
                                "options": st.dictionaries(WORDS, st.lists(st.integers())),
                            },
                        )
                    )
                },
            ),
            "validation": st.fixed_dictionaries(
                {"disabled": st.booleans()},
                optional={
                    "manifests": st.fixed_dictionaries(
                        {},
                        optional={"urls": st.fixed_dictionaries({"allow": st.lists(WORDS)})},
                    )
                },
            ),
        },
    )


class EffectiveTests:
    """
    What is shown, and what is not.
    """

    @given(documents())
    def test_round_trip(self, document: dict[str, Any]) -> None:
        """
        Without secrets it loads as what it was made of, and says every key there is.
        """
        first = parse(yaml.safe_dump(document), {}).configuration
        again = parse(effective(first), {})
        assert again.configuration == first
        assert again.warnings == ()

    def test_overrides_are_in_it(self, loaded: Parse) -> None:
        """
        It tells what holds after the environment had its say.
        """
        found = loaded("", {"REGISTRY_HTTP_ADDR": ":1", "REGISTRY_CATALOG_MAXENTRIES": "7"})
        shown = yaml.safe_load(effective(found.configuration))
        assert shown["http"]["addr"] == ":1"
        assert shown["catalog"] == {"maxentries": 7}

    def test_masks(self, loaded: Parse) -> None:
        """
        No secret is in it, wherever secrets are known to stand.
        """
        more = """\
http:
  secret: hunter2
  headers:
    Authorization: [Basic hunter2]
    X-Auth-Token: [hunter2]
    X-Plain: [shown]
log:
  fields: {password: hunter2, link: 'amqp://user:hunter2@host/', plain: shown}
middleware:
  storage:
  - name: a
    options:
      privatekey: hunter2
      deep: {apikey: hunter2, list: ['https://host/x?sig=hunter2', 'https://hunter2@host/']}
      connectionstring: AccountKey=hunter2
      plain: shown
"""
        environ = {"REGISTRY_STORAGE": "{mine: {accesskey: hunter2, secret: {a: hunter2}, b: 1}}"}
        found = loaded(more, environ).configuration
        text = effective(found)
        assert "hunter2" not in text
        assert text.count("shown") == 3
        shown = yaml.safe_load(text)
        assert shown["http"]["secret"] == MASK
        assert shown["http"]["headers"]["Authorization"] == MASK
        assert shown["log"]["fields"]["link"] == f"amqp://{MASK}@host/"
        assert shown["storage"]["mine"] == {"accesskey": MASK, "secret": MASK, "b": 1}
        assert plain_document(found)["http"]["secret"] == "hunter2"

    def test_no_secret_is_shown_as_none(self, loaded: Parse) -> None:
        """
        A secret that isn't set is not masked, so that one sees it isn't.
        """
        assert yaml.safe_load(effective(loaded().configuration))["http"]["secret"] == ""
