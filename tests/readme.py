#!/usr/bin/env python3
"""Types the README's commands as its readers would: every fenced block "```sh WHO" into the terminals of WHO, in order.

    readme.py README FOLDER

FOLDER holds build/bin and examples, as the project's folder does; all else is made there. Nothing is changed in what is
printed but the port, which another program may have, and the name that the page says to change. A terminal is a bash that ends
at the first command that fails. Ends with 0 when every command was good and everybody has the same model.
"""
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

SITES = ["st-mary", "riverside", "eastgate"]
LIMIT_S = 240  # for a machine under load; it takes some 10 s
ROLES = {"researcher", "everyone", "authority", "coordinator", "hospital", "running"}


class Terminal:
    def __init__(self, name, folder):
        self.name, self.said = name, []
        self.shell = subprocess.Popen(["bash", "--noprofile", "--norc", "-euo", "pipefail"], cwd=folder, text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      start_new_session=True)

    def type(self, text):
        try:
            self.shell.stdin.write(text + "\necho '@typed'\n")
            self.shell.stdin.flush()
        except BrokenPipeError:
            pass
        for line in self.shell.stdout:
            if line == "@typed\n":
                return
            self.said.append(line)
        sys.exit(f"{self.name}: a command failed in\n{text}\nand said at last\n{''.join(self.said[-30:])}")

    def close(self):
        try:
            os.killpg(self.shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.shell.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def blocks(page):
    found = re.findall(r"^```sh (\w+)\n(.*?)^```$", page, re.M | re.S)
    assert {who for who, _ in found} == ROLES, f"blocks of {sorted({who for who, _ in found})}"
    return found


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    page, folder = Path(sys.argv[1]).read_text(), Path(sys.argv[2]).resolve()
    port = str(free_port())
    federation = ["authority", "coordinator"] + SITES
    terminals = {name: Terminal(name, folder) for name in ["researcher"] + federation}
    groups = {"everyone": federation, "hospital": SITES, "running": ["coordinator"] + SITES}
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the commands take too long"))
    signal.alarm(LIMIT_S)
    try:
        for who, text in blocks(page):
            for name in groups.get(who, [who]):
                typed = text.replace("8443", port)
                terminals[name].type(typed.replace("site=st-mary", f"site={name}") if who == "hospital" else typed)
        made = folder / "build/federation"
        models = {sha256(made / "coordinator/model.safetensors")}
        models |= {sha256(made / site / "breast-cancer.safetensors") for site in SITES}
        assert len(models) == 1, "not everybody has the same model"
        assert (folder / "build/rehearsal/report.html").exists(), "no report of the simulation"
        rounds = "".join(terminals["coordinator"].said)
        assert re.search(r"evaluate +3/3 .* done", rounds), rounds
    finally:
        for terminal in terminals.values():
            terminal.close()


if __name__ == "__main__":
    main()
