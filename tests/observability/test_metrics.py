"""
Counters, and the text in which Prometheus reads them.
"""

from __future__ import annotations

from zope.interface.verify import verifyObject

from txregistry.interfaces import IMetrics
from txregistry.observability.metrics import Metrics


class MetricsTests:
    """
    What is remembered, and how it is told.
    """

    def test_interface(self) -> None:
        """
        Metrics are what drivers, caches and sinks count on.
        """
        assert verifyObject(IMetrics, Metrics())

    def test_counts(self) -> None:
        """
        Counts add up, each for its labels, in whatever order these are named.
        """
        metrics = Metrics()
        metrics.count("things_total", {"a": "1", "b": "2"})
        metrics.count("things_total", {"b": "2", "a": "1"}, 4)
        metrics.count("things_total", {"a": "2"})
        assert metrics.counted("things_total", a="1", b="2") == 5
        assert metrics.text() == (
            '# TYPE things_total counter\nthings_total{a="1",b="2"} 5\nthings_total{a="2"} 1\n'
        )

    def test_levels(self) -> None:
        """
        Of a level the last value counts.
        """
        metrics = Metrics()
        metrics.level("waiting", {}, 3)
        metrics.level("waiting", {}, 1.5)
        assert metrics.text() == "# TYPE waiting gauge\nwaiting 1.5\n"

    def test_durations(self) -> None:
        """
        Durations are told as a histogram, whose buckets hold all that took no longer.
        """
        metrics = Metrics()
        for seconds in (0.005, 0.2, 100.0):
            metrics.observe("seconds", {"x": "y"}, seconds)
        lines = metrics.text().splitlines()
        assert lines[0] == "# TYPE seconds histogram"
        assert 'seconds_bucket{x="y",le="0.005"} 1' in lines
        assert 'seconds_bucket{x="y",le="0.1"} 1' in lines
        assert 'seconds_bucket{x="y",le="0.25"} 2' in lines
        assert 'seconds_bucket{x="y",le="60.0"} 2' in lines
        assert 'seconds_bucket{x="y",le="+Inf"} 3' in lines
        assert lines[-2:] == ['seconds_sum{x="y"} 100.205', 'seconds_count{x="y"} 3']

    def test_escapes(self) -> None:
        """
        Nothing in a label breaks out of it.
        """
        metrics = Metrics()
        metrics.count("a_total", {"l": 'x"} 1\n\\'})
        assert metrics.text().splitlines()[1] == 'a_total{l="x\\"} 1\\n\\\\"} 1'
