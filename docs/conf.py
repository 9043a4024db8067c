"""
How Sphinx builds the documentation: ``make docs``.
"""

from txregistry import __version__

project = "txregistry"
author = "The txregistry developers"
project_copyright = "The txregistry developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "**/README.md"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"

html_theme = "alabaster"
html_theme_options = {
    "description": "An OCI container registry as a Twisted network daemon",
    "fixed_sidebar": True,
}
html_show_copyright = False
