"""How Sphinx makes the site of these pages: `tox -e docs`."""

from agent_perf import __version__

project = "agent-perf"
author = "agent-perf"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"agent-perf {version}"
html_show_copyright = False
html_show_sphinx = False

# As on GitHub, where the same pages are read: `ci.md#exit-codes`.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
