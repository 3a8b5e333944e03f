import unittest

from settings import Field, Schema, SettingsError, load


class Checks(unittest.TestCase):
    def test_every_spelling_of_a_switch(self) -> None:
        schema = Schema([Field("log.to_file", bool, False)])
        for text, meant in (("true", True), ("True", True), ("False", False), ("false", False)):
            with self.subTest(text):
                self.assertIs(load(schema, f"[log]\nto_file = {text}")["log.to_file"], meant)

    def test_a_switch_that_is_none_is_refused(self) -> None:
        schema = Schema([Field("log.to_file", bool, False)])
        with self.assertRaisesRegex(SettingsError, "log.to_file"):
            load(schema, environment={"APP_LOG__TO_FILE": "perhaps"})

    def test_nothing_is_left_of_an_earlier_load_at_any_depth(self) -> None:
        schema = Schema([Field("a.b.c.d", int, 1), Field("a.b.e", int, 2), Field("a.f", list, ["x"])])
        text = "[a]\nf = y\n[a.b]\ne = 20\n[a.b.c]\nd = 10"
        for source in ({"text": text}, {"environment": {"APP_A__B__C__D": "10", "APP_A__F": "y", "APP_A__B__E": "20"}}):
            changed = load(schema, **source)
            self.assertEqual([changed[key] for key in ("a.b.c.d", "a.b.e", "a.f")], [10, 20, ["y"]])
            again = load(schema)
            self.assertEqual([again[key] for key in ("a.b.c.d", "a.b.e", "a.f")], [1, 2, ["x"]])

    def test_a_deep_name_of_several_words(self) -> None:
        schema = Schema([Field("a_b.c_d.e_f", str, ""), Field("top_level", str, "")])
        settings = load(schema, environment={"APP_A_B__C_D__E_F": "x", "APP_TOP_LEVEL": "y"})
        self.assertEqual((settings["a_b.c_d.e_f"], settings["top_level"]), ("x", "y"))


if __name__ == "__main__":
    unittest.main()
