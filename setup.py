"""
All that there is to know about the package: what it is, what it needs, what it installs.
"""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def version() -> str:
    """
    Read the version where it stands, without importing the package: its dependencies may not
    be there yet.
    """
    text = (HERE / "txregistry" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit("txregistry/_version.py: no __version__ in it")
    return found[1]


# Why each of these is needed stands in docs/dependencies.md.
requires = [
    "attrs>=23.2",
    "automat>=24.8",
    "bcrypt>=4.0",
    "cryptography>=42.0",
    "httptools>=0.6.1",
    "hyperlink>=21.0",
    "klein>=24.8",
    "pyjwt>=2.15",
    "pyopenssl>=24.0",
    "pyyaml>=6.0",
    "treq>=24.9",
    "twisted[tls]>=26.10",
    "txredisapi>=1.6.0",  # whose pool can be looked into, and greeted in our way
    "werkzeug>=2.3",
    "zope.interface>=6.1",
]

# What a user may leave out.
optional: dict[str, list[str]] = {}

# What the author of a plug-in needs to run txregistry.testing on it.
testing = ["pytest>=8.2", "pytest-twisted>=1.14.3"]

# What only developers need.
development = {
    "testing": testing,
    "tests": [
        *testing,
        "cloudevents>=2.2",  # reads the events that shall be CloudEvents
        "hypothesis>=6.100",
        "jwcrypto>=1.5.7",  # signs tokens that pyjwt shall verify
        "pytest-timeout>=2.3",
        "setuptools>=64",
        "wheel>=0.40",
    ],
    "lint": [
        "mypy-zope>=1.0.17",  # says which versions of mypy it knows
        "ruff>=0.17.6,<0.18",  # a newer one has new rules, and formats differently
        "types-PyYAML>=6.0",
    ],
    "docs": [
        "myst-parser>=4.0",
        "sphinx>=8.1",
    ],
    "release": [
        "build>=1.2",
        "towncrier>=24.8",
    ],
}

everything = sorted({package for extra in optional.values() for package in extra})
tools = sorted({package for extra in development.values() for package in extra})

setup(
    name="txregistry",
    version=version(),
    description="An OCI container registry as a Twisted network daemon",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The txregistry developers",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Internet :: WWW/HTTP :: HTTP Servers",
        "Topic :: System :: Software Distribution",
        "Typing :: Typed",
    ],
    keywords="oci docker container registry twisted",
    python_requires=">=3.11",
    install_requires=requires,
    extras_require={
        **optional,
        **development,
        "all": everything,
        "dev": sorted({*everything, *tools}),
    },
    # twisted.plugins is Twisted's package: ours adds one file to it, and no __init__.py.
    packages=[*find_packages(include=["txregistry", "txregistry.*"]), "twisted.plugins"],
    package_data={"txregistry": ["py.typed"]},
    entry_points={"console_scripts": ["txregistry = txregistry.cli:main"]},
    zip_safe=False,
)
