#!/usr/bin/python3
"""idl.py NAME.idl NAME.h: makes the stubs of an interface (libs/ipc/GRAMMAR.md): structs, client calls, the server's
dispatch and replies. All are small inline functions on top of os/stub.h."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import parse  # noqa: E402
from parse import SCALARS  # noqa: E402

TYPES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "i32": "int32_t", "i64": "int64_t",
         "bool": "bool"}
ERRORS = pathlib.Path(__file__).resolve().parents[2] / "libs/base/error.h"


class Writer:
    """Lines of C, for one interface."""

    def __init__(self, interface):
        self.interface = interface
        self.name = interface.name
        self.lines = []

    def put(self, *lines):
        self.lines += lines

    # --- parameters, as C writes them

    def struct_type(self, field):
        return f"struct {self.name}_{field.struct}"

    def input(self, field):
        """A parameter that goes in: the same for the client's call and for the server's handler and replies."""
        if field.kind in SCALARS:
            return [f"{TYPES[field.kind]} {field.name}"]
        return {"bytes": [f"const void *{field.name}", f"size_t {field.name}_length"],
                "string": [f"const char *{field.name}"],
                "struct": [f"const {self.struct_type(field)} *{field.name}"],
                "handle": [f"handle_t {field.name}"]}[field.kind]

    def output(self, field):
        """A parameter by which the client's call gives a result."""
        if field.kind in SCALARS:
            return [f"{TYPES[field.kind]} *{field.name}"]
        return {"bytes": [f"void *{field.name}", f"size_t {field.name}_capacity", f"size_t *{field.name}_length"],
                "string": [f"char *{field.name}", f"size_t {field.name}_capacity"],
                "struct": [f"{self.struct_type(field)} *{field.name}"],
                "handle": [f"handle_t *{field.name}"]}[field.kind]

    def answer(self, field):
        """A parameter of the server's reply."""
        move = [f"bool move_{field.name}"] if field.kind == "handle" and not field.move else []
        return self.input(field) + move

    def method(self, call):
        return f"{self.name.upper()}_CALL_{call.name.upper()}"

    # --- declarations

    def head(self):
        self.put(f"/* ipc/{self.name}.h: made by tools/idl/idl.py from libs/ipc/{self.name}.idl. */", "#pragma once", "",
                 "#include <os/stub.h>", "")
        for name, value, comment in self.interface.constants:
            self.put(*([comment] if comment else []), f"#define {self.name.upper()}_{name} {value}u")
        self.put("")
        for call in self.interface.calls:
            self.put(f"#define {self.method(call)} 0x{self.interface.number << 32 | call.number:x}ull")

    def structs(self):
        for struct in self.interface.structs.values():
            self.put("", *([struct.comment] if struct.comment else []), f"struct {self.name}_{struct.name} {{")
            self.put(*(f"    {self.member(member)};" for member in struct.members))
            self.put("};", f'_Static_assert(sizeof(struct {self.name}_{struct.name}) == {struct.size}, "{struct.name}");')

    def member(self, field):
        if field.kind == "struct":
            return f"{self.struct_type(field)} {field.name}"
        if field.kind == "bytes":
            return f"uint8_t {field.name}[{field.size}]"
        if field.kind == "string":
            return f"char {field.name}[{field.size + 1}]"
        return f"{TYPES[field.kind]} {field.name}"

    # --- the client's side

    def client(self, call):
        errors = ", ".join(f"ERR_{e}" for e in call.errors)
        parameters = [f"handle_t {self.name}"]
        for field in call.inputs:
            parameters += self.input(field)
        for field in call.outputs:
            parameters += self.output(field)
        self.put("", *([call.comment] if call.comment else []), *([f"/* {errors}. */"] if errors else []),
                 f"static inline enum error {self.name}_{call.name}({', '.join(parameters)}) {{",
                 f"    struct stub_call stub_ = stub_begin({self.method(call)});")
        self.pack(call.inputs, client=True)
        for field in call.outputs:
            self.expect_payload(field)
        expected = [f for f in call.outputs if f.kind == "handle"]
        optional = sum(1 << i for i, f in enumerate(expected) if f.optional)
        self.put(f"    enum error error_ = stub_call({self.name}, &stub_, {len(expected)}, {optional});")
        self.unpack(call.outputs)
        self.put("    return error_;", "}")

    def pack(self, fields, client):
        """The words, payload and handles of one direction into `stub_`."""
        word = 1
        for field in fields:
            if field.kind in SCALARS:
                self.put(f"    stub_.word[{word}] = (uint64_t){field.name};")
                word += 1
            elif field.kind == "bytes":
                self.put(f"    stub_send(&stub_, {field.name}, {field.name}_length, {field.size});")
            elif field.kind == "string":
                self.put(f"    stub_send(&stub_, {field.name}, strlen({field.name}) + 1, {field.size + 1});")
            elif field.kind == "struct":
                self.put(f"    stub_send(&stub_, {field.name}, sizeof *{field.name}, sizeof *{field.name});")
            else:
                move = "true" if field.move else "false" if client else f"move_{field.name}"
                self.put(f"    stub_send_handle(&stub_, {field.name}, {move});")

    def expect_payload(self, field):
        if field.kind in ("bytes", "string"):
            self.put(f"    stub_receive(&stub_, {field.name}, {field.name}_capacity);")
        elif field.kind == "struct":
            self.put(f"    stub_receive(&stub_, {field.name}, sizeof *{field.name});")

    def unpack(self, fields):
        """The client's results out of `stub_`; with an error they are empty."""
        word = handle = 0
        for field in fields:
            if field.kind in SCALARS:
                word += 1
                self.put(f"    *{field.name} = ({TYPES[field.kind]})stub_.word[{word}];")
            elif field.kind == "handle":
                self.put(f"    *{field.name} = stub_.handle[{handle}];")
                handle += 1
            elif field.kind == "bytes":
                self.put(f"    *{field.name}_length = stub_received(&stub_, &error_);")
            elif field.kind == "string":
                self.put(f"    stub_received_string(&stub_, {field.name}, {field.name}_capacity, &error_);")
            else:
                self.put(f"    stub_received_exactly(&stub_, sizeof *{field.name}, &error_);")

    # --- the server's side

    def handlers(self):
        self.put("", "/* A null handler answers ERR_NOT_SUPPORTED. Handles that come in belong to the handler. */",
                 f"struct {self.name}_handlers {{")
        for call in self.interface.calls:
            parameters = ["void *context", "struct request *request"]
            for field in call.inputs:
                parameters += self.input(field)
            self.put(f"    void (*{call.name})({', '.join(parameters)});")
        self.put("};")

    def replies(self, call):
        parameters = "".join(f", {p}" for field in call.outputs for p in self.answer(field))
        names = "".join(f", {p.split()[-1].lstrip('*')}" for field in call.outputs for p in self.answer(field))
        prefix = f"{self.name}_{call.name}_reply"
        self.put("", f"static inline struct stub_call {prefix}_pack_({parameters[2:] or 'void'}) {{",
                 "    struct stub_call stub_ = stub_begin(0);")
        self.pack(call.outputs, client=False)
        self.put("    return stub_;", "}", "",
                 f"static inline void {prefix}(struct request *request{parameters}) {{",
                 f"    struct stub_call stub_ = {prefix}_pack_({names[2:]});",
                 "    stub_reply(request, &stub_);", "}", "",
                 f"static inline enum error {prefix}_parked(struct parked *parked{parameters}) {{",
                 f"    struct stub_call stub_ = {prefix}_pack_({names[2:]});",
                 "    return stub_reply_parked(parked, &stub_);", "}")

    def shape(self, call):
        """What a well-formed request of this call looks like, as a struct stub_shape."""
        payload = next((f for f in call.inputs if f.kind in ("bytes", "string", "struct")), None)
        least, most, string = 0, 0, "false"
        if payload is not None and payload.kind == "struct":
            least = most = self.interface.structs[payload.struct].size
        elif payload is not None:
            string = "true" if payload.kind == "string" else "false"
            most = payload.size + (payload.kind == "string")
        handles = [f for f in call.inputs if f.kind == "handle"]
        optional = sum(1 << i for i, f in enumerate(handles) if f.optional)
        kinds = [f"STUB_{f.kind.upper()}" for f in call.inputs if f.kind in SCALARS]
        words = f", .word = {{{', '.join(kinds)}}}" if kinds else ""
        return (f"{{.least = {least}, .most = {most}, .string = {string}, .handles = {len(handles)}, "
                f".optional = {optional}{words}}}")

    def take(self, call):
        """The function that checks one request and hands it to its handler."""
        self.put("", f"static inline void {self.name}_take_{call.name}_(const struct {self.name}_handlers *handlers, void *context, "
                 "struct request *request) {",
                 f"    static const struct stub_shape shape = {self.shape(call)};",
                 f"    if (!stub_accept(request, &shape, handlers->{call.name} != NULL)) {{", "        return;", "    }")
        arguments, word, handle = [], 0, 0
        for field in call.inputs:
            if field.kind in SCALARS:
                word += 1
                arguments.append(f"({TYPES[field.kind]})request->word[{word}]")
            elif field.kind == "handle":
                arguments.append(f"stub_take_handle(request, {handle})")
                handle += 1
            elif field.kind == "struct":
                self.put(f"    {self.struct_type(field)} {field.name};",
                         f"    memcpy(&{field.name}, request->payload, sizeof {field.name});")
                arguments.append(f"&{field.name}")
            else:
                arguments += ["request->payload"] + (["request->payload_length"] if field.kind == "bytes" else [])
        self.put(f"    handlers->{call.name}({', '.join(['context', 'request'] + arguments)});", "}")

    def dispatch(self):
        self.put("", "/* Checks a request and calls its handler, or answers ERR_INVALID. False: not this interface's. */",
                 f"static inline bool {self.name}_dispatch(const struct {self.name}_handlers *handlers, void *context, "
                 "struct request *request) {",
                 "    switch (request->word[0] & STUB_METHOD) {")
        for call in self.interface.calls:
            self.put(f"    case {self.method(call)}: {self.name}_take_{call.name}_(handlers, context, request); return true;")
        self.put("    default: return false;", "    }", "}")

    def text(self):
        self.head()
        self.structs()
        for call in self.interface.calls:
            self.client(call)
        self.handlers()
        for call in self.interface.calls:
            self.replies(call)
        for call in self.interface.calls:
            self.take(call)
        self.dispatch()
        return "\n".join(self.lines) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        text = Writer(parse.parse(sys.argv[1], parse.known_errors(ERRORS))).text()
        pathlib.Path(sys.argv[2]).write_text(text, encoding="utf-8")
    except (parse.Mistake, OSError) as mistake:
        sys.exit(str(mistake))


if __name__ == "__main__":
    main()
