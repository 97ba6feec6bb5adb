"""parse.py: reads an interface definition (libs/ipc/GRAMMAR.md) into the values below, or says what is wrong where."""
import dataclasses
import pathlib
import re

SCALARS = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i32": 4, "i64": 8, "bool": 1}
KEYWORDS = {"bytes", "string", "handle", "move", "optional"} | set(SCALARS)
PAYLOAD_MAX = 65536
WORDS_MAX = 4
HANDLES_MAX = 4
TOKEN = re.compile(r"""(?P<space>[ \t\r]+) | (?P<line>\n) | (?P<remark>//[^\n]*) | (?P<comment>/\*.*?\*/)
                     | (?P<number>0x[0-9a-fA-F]+|[0-9]+) | (?P<word>[A-Za-z_][A-Za-z0-9_]*) | (?P<mark>->|[=;{}()\[\],])""",
                   re.VERBOSE | re.DOTALL)


class Mistake(Exception):
    """Something that the grammar does not allow; its text starts with file:line."""


@dataclasses.dataclass
class Token:
    kind: str
    text: str
    line: int
    comment: str = ""   # the /* comment */ that ends just above


@dataclasses.dataclass
class Field:
    """A parameter of a call or a member of a struct."""
    kind: str           # a scalar's name, bytes, string, struct, handle
    name: str
    line: int
    size: int = 0       # bytes: most; string: most without its NUL
    struct: str = ""
    move: bool = False
    optional: bool = False


@dataclasses.dataclass
class Struct:
    name: str
    members: list
    comment: str
    size: int = 0
    alignment: int = 1


@dataclasses.dataclass
class Call:
    name: str
    number: int
    inputs: list
    outputs: list
    errors: list
    comment: str


@dataclasses.dataclass
class Interface:
    name: str
    number: int
    comment: str
    constants: list = dataclasses.field(default_factory=list)   # (name, value, comment)
    structs: dict = dataclasses.field(default_factory=dict)
    calls: list = dataclasses.field(default_factory=list)


def known_errors(header):
    """The names in enum error of libs/base/error.h, without ERR_."""
    return set(re.findall(r"^\s+ERR_(\w+) = \d+", header.read_text(encoding="utf-8"), re.MULTILINE))


def tokens_of(path, text):
    """Splits a text into tokens; a comment is kept with the token that follows it."""
    tokens, line, at, comment = [], 1, 0, ""
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Mistake(f"{path}:{line}: stray character {text[at]!r}")
        kind, at = match.lastgroup, match.end()
        if kind == "comment":
            comment = match.group()
        elif kind in ("number", "word", "mark"):
            tokens.append(Token(kind, match.group(), line, comment))
            comment = ""
        line += match.group().count("\n")
    tokens.append(Token("end", "the end of the file", line))
    return tokens


class Parser:
    """Recursive descent, one function for each rule of the grammar."""

    def __init__(self, path, text, errors):
        self.path = path
        self.tokens = tokens_of(path, text)
        self.at = 0
        self.errors = errors
        self.interface = None

    def fail(self, line, message):
        raise Mistake(f"{self.path}:{line}: {message}")

    @property
    def next(self):
        return self.tokens[self.at]

    def take(self):
        token = self.next
        self.at += 1
        return token

    def accept(self, text):
        if self.next.text == text:
            self.at += 1
            return True
        return False

    def expect(self, text):
        if not self.accept(text):
            self.fail(self.next.line, f"expected '{text}', found '{self.next.text}'")

    def name(self, what):
        token = self.take()
        if token.kind != "word" or token.text in KEYWORDS:
            self.fail(token.line, f"expected the name of {what}, found '{token.text}'")
        return token.text

    def number(self):
        token = self.take()
        if token.kind != "number":
            self.fail(token.line, f"expected a number, found '{token.text}'")
        return int(token.text, 0)

    def parse(self):
        comment = self.next.comment
        self.expect("interface")
        name = self.name("the interface")
        self.expect("=")
        self.interface = Interface(name, self.number(), comment)
        self.expect(";")
        rules = {"const": self.constant, "struct": self.struct, "call": self.call}
        while self.next.kind != "end":
            token = self.take()
            if token.text not in rules:
                self.fail(token.line, f"expected const, struct or call, found '{token.text}'")
            rules[token.text](token)
        return self.interface

    def constant(self, start):
        name = self.name("a constant")
        self.expect("=")
        value = self.number()
        self.expect(";")
        if any(name == other for other, _, _ in self.interface.constants):
            self.fail(start.line, f"constant {name} is there already")
        self.interface.constants.append((name, value, start.comment))

    def struct(self, start):
        struct = Struct(self.name("a struct"), [], start.comment)
        if struct.name in self.interface.structs:
            self.fail(start.line, f"struct {struct.name} is there already")
        self.expect("{")
        while not self.accept("}"):
            member = self.field("a member")
            if member.kind == "handle":
                self.fail(member.line, "a handle cannot be in a struct: make it a parameter")
            self.expect(";")
            self.place(struct, member)
            struct.members.append(member)
        if struct.size % struct.alignment != 0:
            self.fail(start.line, f"struct {struct.name} ends in {-struct.size % struct.alignment} bytes of padding: spell them out")
        self.interface.structs[struct.name] = struct

    def place(self, struct, member):
        """Adds a member's size; padding that C would put in is a mistake."""
        if any(other.name == member.name for other in struct.members):
            self.fail(member.line, f"member {member.name} is there already")
        size, alignment = self.layout(member)
        if struct.size % alignment != 0:
            self.fail(member.line, f"{-struct.size % alignment} bytes of padding ahead of {member.name}: spell them out")
        struct.size += size
        struct.alignment = max(struct.alignment, alignment)

    def layout(self, member):
        if member.kind == "struct":
            inner = self.interface.structs[member.struct]
            return inner.size, inner.alignment
        if member.kind == "bytes":
            return member.size, 1
        if member.kind == "string":
            return member.size + 1, 1
        return SCALARS[member.kind], SCALARS[member.kind]

    def field(self, what):
        token = self.take()
        field = Field(token.text, "", token.line)
        while field.kind in ("move", "optional"):
            setattr(field, field.kind, True)
            field.kind = self.take().text
        if (field.move or field.optional) and field.kind != "handle":
            self.fail(token.line, "only a handle can be move or optional")
        if field.kind == "struct":
            field.struct = self.name("a struct")
            if field.struct not in self.interface.structs:
                self.fail(token.line, f"struct {field.struct} is not defined above")
        elif field.kind not in SCALARS and field.kind not in ("bytes", "string", "handle"):
            self.fail(token.line, f"'{field.kind}' is no type")
        field.name = self.name(what)
        if field.kind in ("bytes", "string"):
            self.expect("[")
            field.size = self.number()
            self.expect("]")
            if not 0 < field.size <= PAYLOAD_MAX - (field.kind == "string"):
                self.fail(field.line, f"{field.name}: a payload has 1 to {PAYLOAD_MAX} bytes")
        return field

    def fields(self):
        self.expect("(")
        fields = []
        while not self.accept(")"):
            if fields:
                self.expect(",")
            fields.append(self.field("a parameter"))
        return fields

    def check(self, call, fields, line):
        """The limits of one direction of a message."""
        scalars = [f for f in fields if f.kind in SCALARS]
        handles = [f for f in fields if f.kind == "handle"]
        payloads = [f for f in fields if f.kind in ("bytes", "string", "struct")]
        for what, count, most in (("scalars", len(scalars), WORDS_MAX), ("handles", len(handles), HANDLES_MAX),
                                  ("payloads", len(payloads), 1)):
            if count > most:
                self.fail(line, f"{call}: {count} {what} in one direction, {most} fit")

    def call(self, start):
        name = self.name("a call")
        inputs = self.fields()
        outputs = self.fields() if self.accept("->") else []
        self.check(name, inputs, start.line)
        self.check(name, outputs, start.line)
        names = [f.name for f in inputs + outputs]
        for repeated in {n for n in names if names.count(n) > 1}:
            self.fail(start.line, f"{name}: two parameters are called {repeated}")
        if self.interface.name in names:
            self.fail(start.line, f"{name}: a parameter has the interface's own name")
        if any(name == other.name for other in self.interface.calls):
            self.fail(start.line, f"call {name} is there already")
        errors = self.error_list() if self.accept("errors") else []
        self.expect(";")
        number = len(self.interface.calls) + 1
        self.interface.calls.append(Call(name, number, inputs, outputs, errors, start.comment))

    def error_list(self):
        errors = []
        while not errors or self.accept(","):
            line = self.next.line
            error = self.name("an error")
            if error not in self.errors:
                self.fail(line, f"ERR_{error} is not in libs/base/error.h")
            errors.append(error)
        return errors


def parse(path, errors):
    """The Interface that the file defines. Raises Mistake, OSError."""
    path = pathlib.Path(path)
    return Parser(path, path.read_text(encoding="utf-8"), errors).parse()
