import unittest

from settings import Field, Schema, SettingsError, load


def schema() -> Schema:
    return Schema(
        [
            Field("name", str, "worker"),
            Field("server.host", str, "127.0.0.1"),
            Field("server.port", int, 8000),
            Field("server.tags", list, ["blue"]),
            Field("cache.ttl", float, 2.5),
        ]
    )


class Text(unittest.TestCase):
    def test_sections_comments_and_quotes(self) -> None:
        text = '# ours\nname = "a # b"\n\n[server]\nhost = example.org # public\nport=9000\n'
        settings = load(schema(), text)
        self.assertEqual(settings["name"], "a # b")
        self.assertEqual(settings["server.host"], "example.org")
        self.assertEqual(settings["server.port"], 9000)

    def test_a_line_that_is_none(self) -> None:
        with self.assertRaisesRegex(SettingsError, "line 2"):
            load(schema(), "name = x\nwhat is this\n")


class Values(unittest.TestCase):
    def test_defaults_without_any_source(self) -> None:
        settings = load(schema())
        self.assertEqual(settings.section("server"), {"host": "127.0.0.1", "port": 8000, "tags": ["blue"]})

    def test_a_list_is_split_at_commas(self) -> None:
        self.assertEqual(load(schema(), "[server]\ntags = red, green,")["server.tags"], ["red", "green"])

    def test_a_number_that_is_none_names_its_key(self) -> None:
        with self.assertRaisesRegex(SettingsError, "server.port: 'many' is no int"):
            load(schema(), "[server]\nport = many")

    def test_an_unknown_key_is_refused(self) -> None:
        with self.assertRaisesRegex(SettingsError, "server.prot"):
            load(schema(), "[server]\nprot = 1")

    def test_overrides_come_last(self) -> None:
        settings = load(schema(), "[cache]\nttl = 1", overrides={"cache.ttl": 9.0})
        self.assertEqual(settings["cache.ttl"], 9.0)


if __name__ == "__main__":
    unittest.main()
