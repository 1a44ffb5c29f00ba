"""limit_files.py BYTES COMMAND...: runs COMMAND, whose writes fail beyond BYTES to a
file, as they do on a disk that is full."""

import os
import resource
import signal
import sys

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execvp(sys.argv[2], sys.argv[2:])
