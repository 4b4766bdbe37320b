"""What is in the parcels of kill_run, and what was wrong with those that have arrived. Also in parcels.h."""

MOST = 120_000
OFFSETS = 251


def _make_block():
    value = 1
    block = bytearray()
    for _ in range(MOST + OFFSETS):
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        block.append(value >> 24)
    return bytes(block)


BLOCK = _make_block()


def make(number):
    mixed = (number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 32
    kind = mixed % 1000
    most = 200 if kind < 900 else 2_000 if kind < 990 else 16_000 if kind < 999 else MOST
    begin = number % OFFSETS
    return b"%d " % number + BLOCK[begin:begin + (mixed >> 10) % most]


def number_of(content):
    """0 if it is not what was made."""
    digits = content[:20].partition(b" ")[0]
    number = int(digits) if digits.isdigit() else 0
    return number if content == make(number) else 0


class Arrivals:
    """They should be 1, 2, 3..."""

    def __init__(self):
        self.last = 0
        self.missing = set()
        self.duplicated = self.reordered = self.changed = 0

    def note(self, number):
        if number == self.last + 1:
            self.last = number
        elif number == 0:
            self.changed += 1
        elif number > self.last:
            self.missing.update(range(self.last + 1, number))
            self.last = number
        elif number in self.missing:
            self.missing.remove(number)
            self.reordered += 1
        else:
            self.duplicated += 1
