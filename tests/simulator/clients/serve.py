"""Runs a command with two simulated orgs at hand: serve.py COMMAND...

The command finds SRC_URL, SRC_TOKEN, DST_URL, DST_TOKEN in its environment.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import test_simulator as sim  # noqa: E402


def main():
    program, orgs = sim.start()
    with program:
        try:
            env = dict(os.environ)
            for o in orgs:
                env[o.name.upper() + "_URL"] = "http://127.0.0.1:%d" % o.port
                env[o.name.upper() + "_TOKEN"] = o.token
            return subprocess.run(sys.argv[1:], env=env, check=False).returncode
        finally:
            program.terminate()


if __name__ == "__main__":
    sys.exit(main())
