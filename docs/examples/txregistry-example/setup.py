"""
What is installed.
"""

from setuptools import setup

setup(
    name="txregistry-example",
    version="1.0",
    description="An example of plug-ins for txregistry",
    packages=["txregistry_example", "twisted.plugins"],
    install_requires=["txregistry"],
)
