"""The names in `/etc/hosts`."""

from __future__ import annotations

import ipaddress

PATH = "/etc/hosts"


def addresses_of(name: str) -> list[str]:
    """The addresses in the file; none if it does not have the name."""
    try:
        with open(PATH, encoding="utf-8", errors="replace") as file:
            lines = [line.partition("#")[0].split() for line in file]
    except OSError:
        return []
    name = name.lower()
    found = [line[0] for line in lines if name in map(str.lower, line[1:])]
    return list(dict.fromkeys(address for address in found if is_address(address)))


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
