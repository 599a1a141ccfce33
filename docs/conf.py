"""The site of docs/, by Sphinx: `make site`. Pages are the Markdown that GitHub shows; docs/_ext adds what a site can show."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "shapley_credit"
author = "The shapley_credit developers"
release = metadata.version("shapley-credit")
html_title = "shapley_credit"
html_theme = "furo"
pygments_dark_style = "github-dark"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_show_copyright = html_show_sphinx = False
# A page asks nothing of any network: furo takes the fonts of the system, and mathematics is drawn by the MathJax of a package.
mathjax_path = "tex-svg.js"
MATHJAX = Path(str(metadata.distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax")))
html_static_path.append(str(MATHJAX / mathjax_path))
mathjax3_config = {"svg": {"mtextInheritFont": True}, "options": {"enableMenu": False}}

extensions = [
    *("myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx_copybutton"),
    *("family_pictures", "markdown_pages", "docstring_markup"),
]
exclude_patterns = ["_build", "_ext"]
smartquotes = False

myst_enable_extensions = ["attrs_inline", "dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

# What `make notebooks` has shown; a notebook whose code has changed since is run here.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

# What is copied from a session are its lines of Python, without prompts and output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
