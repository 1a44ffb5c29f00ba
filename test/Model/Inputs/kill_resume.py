"""kill_resume.py EXPECTED OUT COMMAND...: runs COMMAND, which writes OUT, kills it
(SIGKILL) again and again until it gets through, and compares OUT with EXPECTED.

The first try is killed at once, each later one a little later than the last: the
kills sweep over the whole run, whatever the speed of the machine.
"""

import filecmp
import pathlib
import signal
import subprocess
import sys

expected, out = map(pathlib.Path, sys.argv[1:3])
command = sys.argv[3:]
kills, seconds = 0, 0.01
while True:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills, seconds = kills + 1, seconds * 1.3
        # A kill between the last rename and the exit finds a whole output,
        # which is compared below; an output that is not whole fails there.
        if out.exists():
            break
        continue
    assert process.returncode == 0, errors.decode()
    break
names = sorted(path.name for path in expected.iterdir())
assert sorted(path.name for path in out.iterdir()) == names
_, different, unread = filecmp.cmpfiles(expected, out, names, shallow=False)
assert not different and not unread, f"{different + unread} differ"
assert not out.with_name(out.name + ".partial").exists()
assert kills >= 3, f"only {kills} kills"
print("identical after kills")
