import json

import pytest

from ship.connect.jsontext import parse, set_member

KEYS = ("servers", "mine")
ENTRY = {"url": "http://h/", "args": ["-y", "ü"]}
LAID_OUT = '{{\n{0}"servers": {{\n{0}{0}"other": {{}},\n{0}{0}"mine": {1}\n{0}}}\n}}\n'


@pytest.mark.parametrize("indent", ["  ", "    ", "\t", " "])
def test_a_server_is_added_with_the_indent_of_the_file(indent):
    before = f'{{\n{indent}"servers": {{\n{indent * 2}"other": {{}}\n{indent}}}\n}}\n'
    dumped = json.dumps(ENTRY, indent=indent, ensure_ascii=False).replace("\n", f"\n{indent * 2}")
    assert set_member(before, KEYS, ENTRY) == LAID_OUT.format(indent, dumped)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n  "servers": {\n    "mine": 1\n  }\n}'),
        ("{}\n", '{\n  "servers": {\n    "mine": 1\n  }\n}\n'),
        ("\ufeff{ }\n", '\ufeff{\n  "servers": {\n    "mine": 1\n  }\n}\n'),
        ('{\n\t"servers": {}\n}', '{\n\t"servers": {\n\t\t"mine": 1\n\t}\n}'),
        ('{\n    "a": 1\n}', '{\n    "a": 1,\n    "servers": {\n        "mine": 1\n    }\n}'),
        ('{\r\n  "a": 1\r\n}\r\n', '{\r\n  "a": 1,\r\n  "servers": {\r\n    "mine": 1\r\n  }\r\n}\r\n'),
        ('{\n"a": 1\n}', '{\n"a": 1,\n"servers": {\n  "mine": 1\n}\n}'),
        ('{"servers":{}}', '{"servers":{"mine": 1}}'),
        ('{"servers": {"a": 1}}', '{"servers": {"a": 1, "mine": 1}}'),
        ('{ "a": 1 }', '{ "a": 1, "servers": {"mine": 1} }'),
        ('{\n  "servers": {"a": 1}\n}', '{\n  "servers": {"a": 1, "mine": 1}\n}'),
        ('{\n\n  "servers": {"mine": [1,\n2]}, "b": 2}', '{\n\n  "servers": {"mine": 1}, "b": 2}'),
        ('{\n  "mine": {}\n}', '{\n  "mine": {},\n  "servers": {\n    "mine": 1\n  }\n}'),
    ],
)
def test_what_is_there_keeps_its_layout(before, after):
    assert set_member(before, KEYS, 1) == after
    assert parse(after)["servers"]["mine"] == 1


@pytest.mark.parametrize(
    "value",
    [
        *("1.0", "1", "-0", "1e400", "1E5", "12345678901234567890.123", "123456789012345678901234567890", "9" * 5000),
        *(r'"\u00fc \/ \ud800 \"}, {"', '"ü \u2028 🐍"', "[ 1,2 ,[ ] ]", '{"mine": {"servers": "}"}}', "null"),
    ],
)
def test_nothing_else_changes_by_a_byte(value):
    before = f'{{"z": {value}, "servers": {{"b": {value}, "mine": {value}, "a": {value}}} , "y":{value}}}'
    assert set_member(before, KEYS, 7) == before.replace(f'"mine": {value}, "a"', '"mine": 7, "a"')
    without = before.replace(f' "mine": {value},', "")
    assert set_member(without, KEYS, 7) == without.replace(f'"a": {value}}}', f'"a": {value}, "mine": 7}}')


def test_a_key_counts_for_what_it_says_and_not_for_how_it_is_written():
    assert set_member(r'{"s\u0065rvers": {"min\u0065": 2}}', KEYS, 1) == r'{"s\u0065rvers": {"min\u0065": 1}}'


@pytest.mark.parametrize(
    "text",
    [
        *('{"a": 1} // why', '{/* why */"a": 1}', '{"a": 1,}', "{'a': 1}", "{a: 1}", '{"a": 1', '{"a": 1}{}'),
        *('{"a": NaN}', '{"a": -Infinity}', '{"a": 1, "a": 2}', '{"b": [{"a": 1, "\\u0061": 2}]}', '{"a": "\n"}'),
        *("", "\ufeff", "[" * 200_000),
    ],
)
def test_what_is_not_plain_json_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_a_key_that_is_there_twice_is_named():
    with pytest.raises(ValueError, match="'servers' is there twice"):
        parse('{"servers": {}, "servers": {}}')
