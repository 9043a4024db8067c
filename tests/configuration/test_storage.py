"""
The section ``storage``, where one key is the driver's name.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from txregistry.configuration import Storage, parse

Problems = Callable[..., list[str]]


def storage(text: str, **environ: str) -> Storage:
    """
    :return: what a section is read as.
    """
    variables = {f"REGISTRY_STORAGE_{name}": value for name, value in environ.items()}
    return parse(f"version: 0.1\nstorage: {text}\n", variables).configuration.storage


class DriverTests:
    """
    Drivers, their parameters, and the switches beside them.
    """

    def test_filesystem(self) -> None:
        """
        The filesystem driver has defaults.
        """
        read = storage("{filesystem: }")
        assert read.driver == "filesystem"
        assert read.parameters == {"rootdirectory": "/var/lib/registry", "maxthreads": 100}

    @pytest.mark.parametrize(
        ("written", "threads"), [("7", 25), ("25", 25), ("'64'", 64), ("-1", 25)]
    )
    def test_threads(self, written: str, threads: int) -> None:
        """
        Fewer threads than 25 become 25.
        """
        read = storage(f"{{filesystem: {{rootdirectory: /a, maxthreads: {written}}}}}")
        assert read.parameters == {"rootdirectory": "/a", "maxthreads": threads}

    @pytest.mark.parametrize("text", ["inmemory", "{inmemory: {}}", "{inmemory: }"])
    def test_inmemory(self, text: str) -> None:
        """
        The inmemory driver has no parameters, and its bare name is enough.
        """
        read = storage(text)
        assert (read.driver, read.parameters) == ("inmemory", {})

    def test_plugin(self) -> None:
        """
        Another driver's parameters are its own affair.
        """
        read = storage("{mine: {a: [1, {b: 2}], delet: x}}")
        assert (read.driver, read.parameters) == ("mine", {"a": [1, {"b": 2}], "delet": "x"})

    def test_switches(self) -> None:
        """
        The keys beside the driver are no drivers.
        """
        read = storage(
            "{inmemory: {}, delete: {enabled: true}, redirect: {disable: true}, tag: "
            "{concurrencylimit: 8}, cache: {blobdescriptor: inmemory}, maintenance: "
            "{readonly: {enabled: true}, uploadpurging: {age: 1h}}}"
        )
        assert read.delete.enabled
        assert read.redirect.disable
        assert read.tag.concurrencylimit == 8
        assert read.maintenance.readonly.enabled

    def test_purging_in_part(self) -> None:
        """
        What is not said of purging has its default.
        """
        purging = storage("{inmemory: {}, maintenance: {uploadpurging: {age: 1h}}}")
        read = purging.maintenance.uploadpurging
        assert (read.enabled, read.age, read.interval, read.dryrun) == (True, 3600, 86400, False)

    def test_driver_by_environment(self) -> None:
        """
        A driver can come from the environment alone.
        """
        read = storage("", FILESYSTEM_ROOTDIRECTORY="/a", DELETE_ENABLED="true")
        assert (read.driver, read.parameters["rootdirectory"]) == ("filesystem", "/a")
        assert read.delete.enabled


class ComplaintTests:
    """
    What is wrong.
    """

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "config.yml: storage: no storage configuration provided"),
            (
                "{delete: {enabled: true}}",
                (
                    "config.yml:2: storage: no storage configuration provided: name"
                    " a driver, such as filesystem"
                ),
            ),
            ("[filesystem]", "config.yml:2: storage: must be a mapping, not a list"),
            ("5", "config.yml:2: storage: must be a mapping, not an integer"),
            (
                "{inmemory: {}, filesystem: {}}",
                (
                    "config.yml:2: storage: must provide exactly one storage type."
                    " Provided: [filesystem (line 2), inmemory (line 2)]"
                ),
            ),
            (
                "{inmemory: {}, delet: {enabled: true}}",
                (
                    "config.yml:2: storage: must provide exactly one storage type."
                    " Provided: [delet (line 2), inmemory (line 2)]"
                    "; for delet, did you mean delete?"
                ),
            ),
            (
                "{s3: {bucket: a, secretkey: hunter2}}",
                (
                    "config.yml:2: storage.s3: the storage driver s3 is not part of"
                    " this version; there are filesystem, inmemory, and those of plug-ins"
                ),
            ),
            (
                "{azure: {accountname: a}}",
                (
                    "config.yml:2: storage.azure: the storage driver azure is not"
                    " part of this version; there are filesystem, inmemory, and those of plug-ins"
                ),
            ),
            (
                "{filesystem: {rootdirectory: ''}}",
                "config.yml:2: storage.filesystem.rootdirectory: must not be empty",
            ),
            (
                "{filesystem: {rootdirectory: [a]}}",
                "config.yml:2: storage.filesystem.rootdirectory: must be a text, not a list",
            ),
            (
                "{filesystem: {maxthreads: many}}",
                "config.yml:2: storage.filesystem.maxthreads: must be an integer",
            ),
            (
                "{filesystem: {rootdir: /a}}",
                (
                    "config.yml:2: storage.filesystem.rootdir: unknown key, ignored;"
                    " did you mean rootdirectory?"
                ),
            ),
            ("{mine: [a]}", "config.yml:2: storage.mine: must be a mapping, not a list"),
            (
                "{inmemory: {}, redirect: {disable: 'yes'}}",
                "config.yml:2: storage.redirect.disable: must be true or false, not a string",
            ),
            (
                "{inmemory: {}, redirect: true}",
                "config.yml:2: storage.redirect: must be a mapping, not a boolean",
            ),
            (
                "{inmemory: {}, tag: {concurrencylimit: -1}}",
                "config.yml:2: storage.tag.concurrencylimit: must be 0 or more",
            ),
            (
                "{inmemory: {}, maintenance: {uploadpurging: {interval: 0s}}}",
                "config.yml:2: storage.maintenance.uploadpurging.interval: must be more than 0s",
            ),
            (
                "{inmemory: {}, maintenance: {uploadpurging: {age: 1w}}}",
                (
                    "config.yml:2: storage.maintenance.uploadpurging.age: must be a"
                    " duration, such as 10s, 1h30m or 100ms"
                ),
            ),
            (
                "{inmemory: {}, maintenance: {readonly: true}}",
                "config.yml:2: storage.maintenance.readonly: must be a mapping, not a boolean",
            ),
        ],
    )
    def test_complaint(self, problems: Problems, text: str, complaint: str) -> None:
        """
        What is wrong is one line, which shows no secret.
        """
        assert problems(f"version: 0.1\nstorage: {text}\n") == [complaint]

    @pytest.mark.parametrize("driver", ["s3", "s3aws", "azure", "gcs", "swift", "oss", "rados"])
    def test_absent_drivers(self, problems: Problems, driver: str) -> None:
        """
        Each driver of distribution that isn't here says so, with the line.
        """
        (line,) = problems(f"version: 0.1\nstorage:\n  {driver}:\n    rootdirectory: /a\n")
        assert line.startswith(
            f"config.yml:3: storage.{driver}: the storage driver {driver} is not"
        )

    def test_second_driver_by_environment(self, problems: Problems) -> None:
        """
        A second driver from the environment is named with its variable.
        """
        (line,) = problems(
            "version: 0.1\nstorage: {filesystem: {}}\n",
            {"REGISTRY_STORAGE_MINE_BUCKET": "hunter2"},
        )
        assert line.endswith("Provided: [filesystem (line 2), mine (REGISTRY_STORAGE_MINE_BUCKET)]")
