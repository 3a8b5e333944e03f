import unittest

import ledger
from ledger import read_entries, read_statement, summary

BOOKS = """date,debit,credit,amount,text,reference
2026-03-01,bank,sales,50,first,
2026-03-02,bank,sales,50,second,INV-2
2026-03-02,rent,bank,800,March,
2026-03-03,rent,cash,20,not ours,
2026-03-09,bank,sales,70,late,
"""
BANK = """date,amount,text,reference
2026-03-01,50,somebody,inv-2
2026-03-03,50,somebody else,
2026-03-04,-800,landlord,
2026-03-05,-12.50,fees,
"""


class Reconciling(unittest.TestCase):
    def setUp(self) -> None:
        self.entries = read_entries(BOOKS)
        self.lines = read_statement(BANK)

    def test_what_an_entry_does_to_an_account(self) -> None:
        self.assertEqual([entry.effect_on("bank") for entry in self.entries], [5000, 5000, -80000, 0, 7000])

    def test_references_come_before_dates(self) -> None:
        done = ledger.reconcile(self.entries, self.lines, "bank")
        self.assertEqual(
            [(entry.text, line.text) for entry, line in done.pairs],
            [
                ("first", "somebody else"),
                ("second", "somebody"),
                ("March", "landlord"),
            ],
        )

    def test_what_is_left(self) -> None:
        done = ledger.reconcile(self.entries, self.lines, "bank")
        self.assertEqual([entry.text for entry in done.entries], ["late"])
        self.assertEqual([line.text for line in done.lines], ["fees"])
        self.assertEqual(done.difference, -8250)

    def test_dates_too_far_apart(self) -> None:
        done = ledger.reconcile(self.entries, self.lines, "bank", days=1)
        self.assertEqual([entry.text for entry, _ in done.pairs], ["second"])

    def test_the_summary_says_what_is_left(self) -> None:
        text = summary(self.entries, statement=self.lines, account="bank")
        self.assertEqual(text.splitlines()[-1], "unreconciled: 1 entries, 1 lines, difference -82.50")


if __name__ == "__main__":
    unittest.main()
