"""What depends on the clock of the day, which people and NTP set."""

import pathlib
import re

import messi_runtime

CLOCK = re.compile(r"\btime\.(time|localtime|gmtime)|CLOCK_REALTIME|datetime\.(now|today|utcnow)\(")
# When a client came, for people; and whether a certificate has expired.
ALLOWED = {"server_client.py", "tls_engine.py"}


def test_no_time_out_depends_on_the_clock_of_the_day():
    sources = pathlib.Path(messi_runtime.__file__).parent.glob("**/*.py")
    assert {each.name for each in sources if CLOCK.search(each.read_text())} == ALLOWED
