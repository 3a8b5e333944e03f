import unittest

from settings import Field, Schema, load

SCHEMA = Schema([Field("server.port", int, 8000), Field("server.host", str, "127.0.0.1"), Field("name", str, "worker")])


class Reload(unittest.TestCase):
    def test_a_second_load_starts_from_the_defaults(self) -> None:
        first = load(SCHEMA, "name = a\n[server]\nport = 9000")
        self.assertEqual((first["name"], first["server.port"]), ("a", 9000))
        second = load(SCHEMA, "[server]\nhost = example.org")
        self.assertEqual((second["name"], second["server.port"]), ("worker", 8000))

    def test_the_defaults_of_the_schema_stay_as_declared(self) -> None:
        load(SCHEMA, overrides={"server.port": 1, "server.host": "elsewhere"})
        self.assertEqual(SCHEMA.defaults["server"], {"port": 8000, "host": "127.0.0.1"})


if __name__ == "__main__":
    unittest.main()
