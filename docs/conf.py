"""Builds the documentation: ``nox -s docs``. The pages load nothing from elsewhere."""

import enum
import re
from importlib.metadata import version as version_of
from typing import Any

from docutils import nodes  # type: ignore[import-untyped]  # brings none
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python._object import PyObject
from sphinx.environment import BuildEnvironment
from typing_extensions import is_protocol

import clientflow_core

project = "ClientFlow"
author = "The ClientFlow authors"
version = release = version_of("clientflow")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
add_module_names = False
python_maximum_signature_line_length = 130

# The page of the benchmarks may be missing. A page that no list names fails the build all the same.
suppress_warnings = ["toc.not_readable"]
nitpicky = True
nitpick_ignore_regex = [
    # Documented by others; the build asks no network.
    ("py:.*", r"(aiohttp|attrs?|collections|contextlib|datetime|decimal|dt)\..*"),
    ("py:.*", r"(importlib|pathlib|typing)\..*"),
    ("py:.*", r"(uuid|UUID)(\..*)?"),
    ("py:.*", r"re\.Pattern"),
    # Type variables.
    ("py:.*", r"clientflow_core\..*\.[A-Z]"),
    ("py:.*", r"clientflow_core\..*\.(Path|Query|Body)T"),
    # What the registry and the service are made of, and what they alone make.
    (
        "py:.*",
        r"clientflow_core\.registry\.(contributions|failure_news|guard|lifecycle|meter|webhooks)\..*",
    ),
    ("py:.*", r"clientflow_core\.registry\.organization_providers\.OrganizationProviders"),
    ("py:.*", r"clientflow_core\.contributions\.context\.(Asking|Log|Providers)"),
]

_MACHINERY = re.compile(r"<function \w+>|NOTHING|<factory>")

html_theme = "furo"
html_title = "ClientFlow"
html_static_path = ["_static"]
html_css_files = ["clientflow.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
pygments_style = "tango"
pygments_dark_style = "monokai"


def lead_to_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.Element | None:
    """Let ``clientflow_core.domain.messages.Receipt`` lead to ``clientflow_core.Receipt``."""
    target: str = node["reftarget"]
    name = target.rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in clientflow_core.__all__:
        return None
    if text.astext() == target:
        text = nodes.literal("", name, classes=text["classes"])
    public = f"{clientflow_core.__name__}.{name}"
    python = env.domains.python_domain
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, text)


def tidy_signature(
    app: Sphinx, what: str, name: str, value: object, *more: Any
) -> tuple[str, str] | None:
    """Leave out a signature by which nobody calls, and the machinery behind a default."""
    _, signature, returns = more
    if isinstance(value, type) and (issubclass(value, enum.Enum) or is_protocol(value)):
        return "", ""
    return (_MACHINERY.sub("...", signature), returns) if signature else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Add what is ours to Sphinx."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("missing-reference", lead_to_public_name)
    app.connect("autodoc-process-signature", tidy_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
