"""
Where problems are collected, so that a configuration's every mistake is told at once.
"""

from __future__ import annotations

from attrs import define, field, frozen

from txregistry.configuration.tree import Node, Origin, joined
from txregistry.errors import Problem


@define
class Report:
    """
    The problems found so far.
    """

    problems: list[Problem] = field(factory=list)

    @property
    def errors(self) -> list[Problem]:
        """
        What keeps the registry from starting.
        """
        return [problem for problem in self.sorted() if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """
        What is only said.
        """
        return [problem for problem in self.sorted() if problem.severity == "warning"]

    def sorted(self) -> list[Problem]:
        """
        :return: the problems of the file by line, then those of the environment, each once.
        """
        unique = dict.fromkeys(self.problems)
        return sorted(
            unique, key=lambda problem: (problem.line is None, problem.source, problem.line or 0)
        )


@frozen
class Place:
    """
    A key that is being read: where its problems belong.

    :param key: the key in its full length.
    """

    report: Report
    origin: Origin
    key: str = ""

    def child(self, name: str, node: Node | None = None) -> Place:
        """
        :return: the place of an entry below; one that isn't there is looked for here.
        """
        origin = self.origin if node is None else node.origin
        return Place(self.report, origin, joined(self.key, name))

    def item(self, index: int, node: Node) -> Place:
        """
        :return: the place of an element of this list.
        """
        return Place(self.report, node.origin, f"{self.key}[{index}]")

    def error(self, text: str) -> None:
        """
        Report what keeps the registry from starting.
        """
        self.report.problems.append(
            Problem(key=self.key, text=text, source=self.origin.source, line=self.origin.line)
        )

    def warning(self, text: str, *, unknown: bool = False) -> None:
        """
        Report what is only to be said.

        :param unknown: whether the key is unknown.
        """
        self.report.problems.append(
            Problem(
                key=self.key,
                text=text,
                source=self.origin.source,
                line=self.origin.line,
                severity="warning",
                unknown=unknown,
            )
        )
