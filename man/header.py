# SPDX-License-Identifier: ISC
"""Read a public header: its comments, and what they stand above.

HACKING.md says what a header must look like.  What is not understood is
reported as FILE:LINE, by an exception.
"""

import os
import re


class Trouble(Exception):
    """Something that a page cannot be made of."""

    def __init__(self, path, number, text):
        super().__init__(f"{path}:{number}: {text}")


# A header is a list of items, each a comment with what it stands above.

class Item:
    """One comment, a list of (line number, text), and its declarations."""

    def __init__(self, number, comment):
        self.number = number
        self.comment = comment
        self.declarations = []


class Declaration:
    """A declaration: its kind, its name, and its lines of C.

    kind is one of define, enum, function, opaque, struct, typedef.  A function
    and a typedef also have type, a text, and parameters, a list of texts.
    """

    def __init__(self, kind, name, lines):
        self.kind = kind
        self.name = name
        self.lines = lines
        self.type = None
        self.parameters = []

    def title(self):
        return {"enum": "enum ", "opaque": "struct ", "struct": "struct "} \
            .get(self.kind, "") + self.name


class Header:
    """A public header: intro, includes and items."""

    def __init__(self, path):
        self.path = path
        self.page = "brood_" + os.path.basename(path)[:-len(".h")]
        with open(path, encoding="ascii") as file:
            self.lines = file.read().split("\n")
        self.at = 0
        self.intro = None
        self.items = []
        self.parse()

    def trouble(self, text, number=None):
        return Trouble(self.path, number or self.at + 1, text)

    def declarations(self, *kinds):
        return [d for item in self.items for d in item.declarations
                if d.kind in kinds]

    def names(self):
        """What the page is found by: itself, functions, then types."""
        functions = [d.name for d in self.declarations("function")]
        types = [d.name for d in
                 self.declarations("enum", "struct", "typedef")]
        types += [d.name for d in self.declarations("opaque")
                  if any(f.startswith(d.name + "_") for f in functions)]
        return list(dict.fromkeys([self.page] + functions + types))

    def parse(self):
        guard = "BROOD_" + self.page[len("brood_"):].upper() + "_H"
        for wanted in ("/* SPDX-License-Identifier: ISC */",
                       "#ifndef " + guard, "#define " + guard, ""):
            if self.lines[self.at] != wanted:
                raise self.trouble(f"expected {wanted!r}")
            self.at += 1
        self.intro = self.parse_comment()
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line == "#ifdef __cplusplus":
                self.skip_cplusplus()
            elif line in ("", "#endif") or line.startswith("#include <"):
                self.at += 1
            else:
                self.parse_item()

    def skip_cplusplus(self):
        while self.lines[self.at] != "#endif":
            self.at += 1
            if self.at == len(self.lines):
                raise self.trouble("#ifdef has no #endif")
        self.at += 1

    def parse_comment(self):
        """Read the comment that begins at this line, at the margin."""
        start = self.at + 1
        line = self.lines[self.at]
        one = re.fullmatch(r"/\* (.*) \*/", line)
        if one:
            self.at += 1
            return [(start, one[1])]
        if line != "/*":
            raise self.trouble("expected a comment: /* text */, or /* alone")
        found = []
        while True:
            self.at += 1
            if self.at == len(self.lines):
                raise self.trouble("this comment has no end", start)
            line = self.lines[self.at]
            if line == " */":
                self.at += 1
                return found
            text = re.fullmatch(r" \*(?: (.*)|(\t.*))?", line)
            if not text or "*/" in line:
                raise self.trouble("a line of a comment begins with ' * '")
            found.append((self.at + 1, text[1] or text[2] or ""))

    def parse_item(self):
        item = Item(self.at + 1, [])
        if self.lines[self.at].startswith("/*"):
            item.comment = self.parse_comment()
        while self.at < len(self.lines) and self.lines[self.at] != "":
            item.declarations.append(self.parse_declaration())
        if not item.comment and item.declarations[0].kind == "function":
            raise self.trouble("this function has no comment", item.number)
        self.items.append(item)

    def parse_declaration(self):
        start = self.at + 1
        line = self.lines[self.at]
        for pattern, kind, end in (
                (r"#define (\w+).*", "define", r".*[^\\]"),
                (r"struct (brood_\w+);", "opaque", r".*;"),
                (r"struct (brood_\w+) \{", "struct", r"\};"),
                (r"enum (brood_\w+) \{", "enum", r"\};"),
                (r"typedef .*", "typedef", r".*;"),
                (r"[a-z][\w *\t]*(?:\(.*)?", "function", r".*;")):
            found = re.fullmatch(pattern, line)
            if found:
                break
        else:
            raise self.trouble(f"this is no declaration: {line!r}")
        lines = []
        while not lines or not re.fullmatch(end, lines[-1]):
            if self.at == len(self.lines) or "//" in self.lines[self.at]:
                raise self.trouble(f"this {kind} has no end", start)
            lines.append(self.lines[self.at])
            self.at += 1
        text = "\n".join(lines)
        if text.count("/*") != text.count("*/"):
            raise self.trouble(f"a comment of this {kind} has no end", start)
        if kind in ("function", "typedef"):
            return self.prototype(kind, lines, start)
        return Declaration(kind, found[1], lines)

    def prototype(self, kind, lines, start):
        text = " ".join(" ".join(lines).split())
        name = r"\(\*(brood_\w+_fn)\)" if kind == "typedef" else r"(brood_\w+)"
        parts = re.fullmatch(r"(\w.*[\w*]) ?(?<=[ *])" + name + r"\((.*)\);",
                             text)
        if not parts:
            raise self.trouble(f"this {kind} is not understood", start)
        declaration = Declaration(kind, parts[2], lines)
        declaration.type = parts[1].strip()
        declaration.parameters = parts[3].split(", ")
        for parameter in declaration.parameters:
            if parameter != "void" and not re.fullmatch(
                    r"\w[\w *]*[ *]\w+(\[\w*\])?", parameter):
                raise self.trouble(f"parameter not understood: {parameter!r}",
                                   start)
        return declaration
