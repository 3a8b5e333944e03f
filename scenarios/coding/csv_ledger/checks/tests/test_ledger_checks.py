import dataclasses
import unittest
from datetime import date

import ledger
from ledger import Entry, StatementLine, reconcile


def entry(day: int, amount: int, reference: str = "", text: str = "") -> Entry:
    sides = ("bank", "sales") if amount >= 0 else ("costs", "bank")
    return Entry(date(2026, 3, day), *sides, abs(amount), text, reference)


def line(day: int, amount: int, reference: str = "") -> StatementLine:
    return StatementLine(date(2026, 3, day), amount, "", reference)


class Checks(unittest.TestCase):
    def test_the_fewer_days_apart_the_sooner_whatever_the_order(self) -> None:
        entries = [entry(4, 100), entry(1, 100)]
        lines = [line(2, 100), line(3, 100)]
        done = reconcile(entries, lines, "bank")
        self.assertEqual(done.pairs, ((entries[0], lines[1]), (entries[1], lines[0])))

    def test_equally_near_the_earlier_entry_then_the_earlier_line(self) -> None:
        entries = [entry(3, 100, text="a"), entry(5, 100, text="b")]
        lines = [line(4, 100)]
        self.assertEqual(reconcile(entries, lines, "bank").pairs, ((entries[0], lines[0]),))
        entries, lines = [entry(3, 100)], [line(4, 100), line(2, 100)]
        done = reconcile(entries, lines, "bank")
        self.assertEqual((done.pairs, done.lines), (((entries[0], lines[0]),), (lines[1],)))

    def test_twins_are_counted_one_by_one(self) -> None:
        entries, lines = [entry(3, 100)] * 3, [line(3, 100)] * 2
        done = reconcile(entries, lines, "bank")
        self.assertEqual((len(done.pairs), len(done.entries), len(done.lines)), (2, 1, 0))

    def test_references_that_differ_keep_apart(self) -> None:
        done = reconcile([entry(3, 100, "A")], [line(3, 100, "B")], "bank")
        self.assertEqual((done.pairs, done.difference), ((), 0))
        self.assertEqual(len(reconcile([entry(3, 100, "A")], [line(3, 100)], "bank").pairs), 1)

    def test_a_reference_does_not_reach_over_the_days_or_the_amount(self) -> None:
        self.assertEqual(reconcile([entry(1, 100, "A")], [line(5, 100, "a")], "bank").pairs, ())
        self.assertEqual(reconcile([entry(1, 100, "A")], [line(1, 101, "A")], "bank").pairs, ())
        self.assertEqual(len(reconcile([entry(1, 100, "A")], [line(5, 100, "a")], "bank", days=4).pairs), 1)
        self.assertEqual(len(reconcile([entry(5, -100)], [line(2, -100)], "bank").pairs), 1)

    def test_without_effect_is_left_out(self) -> None:
        odd = [entry(1, 0), Entry(date(2026, 3, 1), "rent", "cash", 5)]
        done = reconcile(odd, [line(1, 0)], "bank")
        self.assertEqual((done.pairs, done.entries, len(done.lines), done.difference), ((), (), 1, 0))

    def test_the_result_is_frozen_and_exported(self) -> None:
        done = reconcile([], [], "bank")
        self.assertIsInstance(done, ledger.Reconciliation)
        self.assertEqual((done.pairs, done.entries, done.lines, done.difference), ((), (), (), 0))
        with self.assertRaises(dataclasses.FrozenInstanceError):
            done.pairs = ()


if __name__ == "__main__":
    unittest.main()
