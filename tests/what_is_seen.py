#!/usr/bin/env python3
"""What the coordinator can know of one site, as the code declares it, against the closed list in section 11 of docs/PROTOCOL.md.

    tests/what_is_seen.py PAGE SOURCES DATABASE WORDS     0: the same; 1: a line for each name that only one of the two has

SOURCES: the folder of the project. DATABASE: an empty one of the store's newest format. WORDS: a file with a name a line, for what a C
program asks the code itself (the fields of messages, the phases). A name stands between backticks in the first cell of a row:

    POST v1/studies/*/answer     a request that a site may make: the routes of coordinator/api.c
    ?wait                        a parameter of some request
    header Cohort-Session        a header of a request
    answer.study                 a field of a message from a site
    octets keys                  a message of a masked attempt
    participants.state           a column of a table that has a row per site, or names sites
    event.site                   a key in the body of an event
    memory round_site.state      a member of a struct that the coordinator has for each site
"""
import glob
import re
import sqlite3
import sys

SECTION = "## 11. What the coordinator sees of a site"
SITE_STRUCTS = {"coordinator/round.h": "round_site", "coordinator/enrolled.h": "enrolled_site", "coordinator/members.h": "member",
                "crypto/secagg_server_inside.h": "server_site"}
REQUESTS = ["coordinator/api*.c", "coordinator/runner*.c"]  # admin*.c serves the operator's own socket


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def of_requests(read, sources):
    table = re.search(r"\} routes\[\] = \{(.*?)\n\};", read("coordinator/api.c"), re.S).group(1)
    for method, path in re.findall(r'\{HTTP_(\w+), "([^"]+)"', table):
        yield "%s %s" % (method, path)
    for source in (path for pattern in REQUESTS for path in glob.glob("%s/%s" % (sources, pattern))):
        with open(source) as file:
            text = file.read()
        for name in re.findall(r'(?:server_parameter\([^",]*, |api_number\(\w+, )"([^"]+)"', text):
            yield "?" + name
        for name in re.findall(r'server_header\([^",]*, "([^"]+)"', text):
            yield "header " + name


def of_database(path):
    base = sqlite3.connect(path)
    for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = [row[1] for row in base.execute("PRAGMA table_info(%s)" % table)]
        if "site" in columns or table == "sites":
            for column in columns:
                yield "%s.%s" % (table, column)


def of_events(read):
    for key in re.findall(r'json_set\w*\(\w+, "([^"]+)"', read("coordinator/events.c")):
        yield "event." + key


def of_memory(read):
    for header, struct in SITE_STRUCTS.items():
        body = re.search(r"\nstruct %s \{\n(.*?)\n\};" % struct, without_comments(read(header)), re.S).group(1)
        for declaration in body.split(";"):
            for part in declaration.split(","):
                name = re.search(r"(\w+)\s*(?:\[\w+\])*\s*$", part)
                if name:
                    yield "memory %s.%s" % (struct, name.group(1))


def on_page(text):
    section = text.split("\n" + SECTION + "\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield from re.findall(r"`([^`]+)`", line.split("|")[1])


def main(page, sources, database, words):
    def read(path):
        with open("%s/%s" % (sources, path)) as file:
            return file.read()

    with open(words) as file:
        code = set(file.read().splitlines())
    code |= set(of_requests(read, sources)) | set(of_database(database)) | set(of_events(read)) | set(of_memory(read))
    with open(page) as file:
        listed = list(on_page(file.read()))
    for name in sorted(code - set(listed)):
        print("%s is seen of a site, and %s does not say so" % (name, page))
    for name in sorted(set(listed) - code):
        print("%s is on the list in %s, and nothing in the code" % (name, page))
    for name in sorted(n for n in set(listed) if listed.count(n) > 1):
        print("%s stands twice in %s" % (name, page))
    print("%d names" % len(code))
    return code != set(listed) or len(listed) != len(set(listed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
