import unittest

from settings import Field, Schema, load


def schema() -> Schema:
    return Schema(
        [
            Field("server.port", int, 8000),
            Field("server.read_timeout", float, 5.0),
            Field("cache.use_disk", bool, True),
        ]
    )


class Environment(unittest.TestCase):
    def test_a_number_from_the_environment(self) -> None:
        self.assertEqual(load(schema(), environment={"APP_SERVER__PORT": "81"})["server.port"], 81)

    def test_other_variables_are_ignored(self) -> None:
        self.assertEqual(load(schema(), environment={"HOME": "/", "SERVER__PORT": "81"})["server.port"], 8000)

    def test_the_environment_beats_the_file(self) -> None:
        settings = load(schema(), "[server]\nport = 9", environment={"APP_SERVER__PORT": "81"})
        self.assertEqual(settings["server.port"], 81)

    def test_a_name_of_several_words(self) -> None:
        settings = load(schema(), environment={"APP_SERVER__READ_TIMEOUT": "1.5"})
        self.assertEqual(settings["server.read_timeout"], 1.5)

    def test_a_switch_is_turned_off(self) -> None:
        settings = load(schema(), environment={"APP_CACHE__USE_DISK": "false"})
        self.assertIs(settings["cache.use_disk"], False)


if __name__ == "__main__":
    unittest.main()
