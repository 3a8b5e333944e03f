import random
import unittest
from difflib import unified_diff

from patching import apply, diff, read, write


def joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


class Checks(unittest.TestCase):
    def test_texts_are_those_of_difflib_and_lead_there_and_back(self) -> None:
        rng = random.Random(7)
        for number in range(150):
            old = [rng.choice("abc") for _ in range(rng.randint(0, 25))]
            new = list(old)
            for _ in range(rng.randint(1, 4)):
                at = rng.randint(0, len(new))
                new[at : at + rng.randint(0, 3)] = [rng.choice("abcxyz") for _ in range(rng.randint(0, 4))]
            for context in (0, 1, 3):
                with self.subTest(number, context=context):
                    patch = write(diff(joined(old), joined(new), context))
                    wanted = list(unified_diff(old, new, "a/file", "b/file", n=context, lineterm=""))
                    if context:
                        self.assertEqual(patch.splitlines(), wanted)
                    self.assertEqual(apply(joined(old), read(patch)), joined(new))
                    self.assertEqual(read(patch), diff(joined(old), joined(new), context))

    def test_everything_taken_out(self) -> None:
        patch = write(diff("a\nb\n", ""))
        self.assertEqual(patch.splitlines()[2:], ["@@ -1,2 +0,0 @@", "-a", "-b"])
        self.assertEqual(apply("a\nb\n", read(patch)), "")

    def test_what_follows_a_hunk_found_further_down_is_expected_there(self) -> None:
        block = ["begin", "  work", "end"]
        before = ["head", *block * 6]
        after = ["HEAD", *block * 6]
        after[11] = "  rest"
        hunks = diff(joined(before), joined(after), context=1)
        moved = ["new"] * 5
        self.assertEqual(apply(joined(moved + before), hunks), joined(moved + after))

    def test_an_addition_at_the_top_and_at_the_end(self) -> None:
        for after in (["x", "a", "b"], ["a", "b", "x"]):
            patch = write(diff("a\nb\n", joined(after), context=0))
            self.assertEqual(apply("a\nb\n", read(patch)), joined(after))


if __name__ == "__main__":
    unittest.main()
