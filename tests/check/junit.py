"""JUnit documents, read the way a CI system reads them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import xmlschema

XSD = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))


def cases(document: bytes) -> list[ElementTree.Element]:
    """Return the test cases of a valid document."""
    root = ElementTree.fromstring(document)
    XSD.validate(root)
    return root.findall(".//testcase")
