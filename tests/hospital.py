#!/usr/bin/env python3
"""A hospital in another language: written from docs/PROTOCOL.md, with Python's standard library alone.

    hospital.py URL FOLDER SITE STUDY HASH      FOLDER holds ca.pem, site.pem, site.key, data.csv; HASH is what was approved
                                                and, for masked rounds, sign.key

Logistic regression on its own rows: numeric and binary features, `fill: mean`, SGD, weights by patients, no patient column.
What it made final lies in FOLDER/round-R, is entered in FOLDER/ledger, and is sent again after a restart. Masked rounds go by tests/masked_site.py; FOLDER/masks
remembers which attempt was begun and what was opened, and an attempt that a restart interrupts goes on without this site. It does not
check the authority's signature of the roster: Python's library has no ECDSA.
"""
import base64, csv, datetime, hashlib, http.client, json, math, os, random, secrets, ssl, struct, sys, time
from urllib.parse import urlsplit

sys.dont_write_bytecode = True  # tests leave nothing behind

from masked_site import Plan, Refused, Site, ed25519_sign, ed25519_verify, tagged

URL, FOLDER, SITE, STUDY, APPROVED = sys.argv[1:6]
PATH = "/v1/studies/" + STUDY


def blake(tag, *fields):
    return hashlib.blake2b(tag + b"".join(struct.pack("<I", len(f)) + f for f in fields), digest_size=32).digest()


def u32(*numbers):
    return struct.pack("<%dI" % len(numbers), *numbers)


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


# ---- section 4: fixed point
def grid_of(sites, coding, bound):
    if coding == "count":
        return 1.0
    low = 30 - (sites - 1).bit_length()
    copies, limit = (sites, 2.0 ** 31) if coding == "narrow" else (1, 2.0 ** (2 * low - 1))
    grid = math.ldexp(0.5, math.frexp(bound)[1]) / limit
    while not (bound / grid + 1) * copies < limit:
        grid *= 2
    return grid


def encode(sites, layout, values):
    low, words = 30 - (sites - 1).bit_length(), []
    for name, coding, items, bound in layout:
        assert len(values[name]) == items
        for x in values[name]:
            q = round(max(-bound, min(bound, x)) / grid_of(sites, coding, bound))  # ties to even
            words += [q & (1 << low) - 1, q >> low] if coding == "wide" else [q]
    return struct.pack("<%di" % len(words), *words)


# ---- section 5: what the values are
def matches(cell, code):
    try:
        return cell == code or float(cell) == float(code)
    except ValueError:
        return False


def read_cell(cell, f, data):  # a number, 0 or 1, or None: missing
    if any(matches(cell, code) for code in data["missing"] + f.get("missing", [])):
        return None
    if f["type"] == "binary":
        return 1 if matches(cell, f["positive"]) else 0 if matches(cell, f["negative"]) else None
    x = min(max(float(cell), f["min"]), f["max"])
    return x if x == float(cell) or data["outside"] == "clamp" else None


def read_rows(data):
    parts, split = {"train": [], "validation": [], "test": []}, data["split"]
    with open(FOLDER + "/data.csv", newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            columns = data["features"] + [{**data["label"], "type": "binary"}]
            cells = [read_cell(row[f["column"]].strip(), f, data) for f in columns]
            name = blake(b"COHRTspl", struct.pack("<Q", split["seed"]), str(number).encode())
            point = int.from_bytes(name[:8], "little") / 2 ** 64
            part = "test" if point < split["test_fraction"] else \
                "validation" if point < split["test_fraction"] + split["validation_fraction"] else "train"
            if cells[-1] is not None:
                parts[part].append((cells[:-1], cells[-1]))
    return parts


def statistics(rows, features):
    sums = []
    for i, f in enumerate(features):
        column = [cells[i] for cells, _ in rows]
        if f["type"] == "numeric":
            u = [(x - (f["min"] + f["max"]) / 2) / ((f["max"] - f["min"]) / 2) for x in column if x is not None]
            sums += [len(u), math.fsum(u), math.fsum(x * x for x in u)]
        else:
            sums += [column.count(0), column.count(1), column.count(None)]
    return sums + [sum(label == c for _, label in rows) for c in (0, 1)]


def scaled(cells, inputs):
    raw = [i["fill"] if x is None else x for x, i in zip(cells, inputs)]
    return [(x - i["mean"]) / i["deviation"] if i["deviation"] else 0.0 for x, i in zip(raw, inputs)]


def logit(model, x):
    return model[-1] + sum(w * v for w, v in zip(model, x))


def train(model, rows, local, order):
    for _ in range(local["epochs"]):
        order.shuffle(rows)
        for batch in (rows[i:i + local["batch"]] for i in range(0, len(rows), local["batch"])):
            errors = [(1 / (1 + math.exp(-logit(model, x))) - label, x + [1.0]) for x, label in batch]
            model = [w - local["learning_rate"] * sum(e * x[i] for e, x in errors) / len(batch) for i, w in enumerate(model)]
    return model


def evaluate(model, rows, bins):
    loss, counts = 0.0, [0] * (2 * bins)
    for x, label in rows:
        z = logit(model, x)
        loss += min(32.0, max(z, 0) - z * label + math.log1p(math.exp(-abs(z))))
        counts[label * bins + min(bins - 1, int(bins / (1 + math.exp(-z / 2))))] += 1
    return loss, counts


# ---- section 8: HTTP
tls = ssl.create_default_context(cafile=FOLDER + "/ca.pem")
tls.minimum_version = ssl.TLSVersion.TLSv1_3
tls.load_cert_chain(FOLDER + "/site.pem", FOLDER + "/site.key")
link, session = http.client.HTTPSConnection(urlsplit(URL).netloc, context=tls, timeout=60), secrets.token_hex(16)


def ask(method, path, body=None, good=(200,), mark=None):  # status, content; tried again as section 8 says
    global shown
    for k in range(100):
        pause = 0.0
        try:
            link.request(method, path, body, {"Cohort-Session": session, **({"Cohort-Ledger": mark} if mark else {})})
            answer = link.getresponse()
            shown = answer.headers.get("Cohort-Ledger")
            content, pause = answer.read(), float(answer.headers.get("Retry-After") or 0)
            if answer.status in good:
                return answer.status, content
            if answer.status < 500 and answer.status != 429:
                sys.exit(f"{method} {path}: {answer.status} {content.decode()}")
        except (OSError, http.client.HTTPException):
            link.close()
        time.sleep(pause + random.uniform(0, min(30, 0.5 * 2 ** k)))
    sys.exit("the coordinator does not answer")


# ---- section 9: a site, step by step
def asks(step):
    last, every = study["training"]["rounds"], study["training"]["evaluate_every"]
    due = step > last or (step > 1 and every > 0 and (step - 1) % every == 0)
    return ["statistics"] if step == 0 else ["train"] * (step <= last) + ["evaluate"] * (due and evaluation["release"] != "none")


def quorum(n):
    drop, colluders = study["sites"]["max_dropouts"], study["sites"]["max_colluders"]
    drop = n * int(drop[:-1]) // 100 if isinstance(drop, str) else min(drop, n)
    return max(1, study["sites"]["min"], n - drop, *([(n + colluders) // 2 + 1, colluders + 2] if masked else []))


def refusal(m):
    n = len(m["sites"])
    if study["expires"] < datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"):
        return "expired"
    if m["study_hash"] != APPROVED or m["asks"] != asks(m["step"]) or m["round"] < m["step"] + 1 \
            or number not in m["sites"] or n < quorum(n) or ("roster" in m) != masked:
        return "plan"
    if masked and m["roster"] != fetch_roster(m["roster"]):
        return "plan"
    if not is_newest(told):
        return "ledger"
    return "weight_cap" if max(map(len, parts.values())) > cap else None


def layout_of(m):
    inputs, segments = len(study["data"]["features"]), []
    if "statistics" in m["asks"]:
        segments += [("statistics", "wide", 3 * inputs + 2, cap)]
    if "train" in m["asks"]:
        segments += [("update", "narrow", inputs + 1, study["training"]["update_range"]), ("weight", "count", 1, cap)]
    if "evaluate" in m["asks"]:
        segments += [("loss", "wide", 2, 32 * cap), ("counts", "count", 4 * evaluation["bins"], cap)]
    return segments


def contribution(m):
    if m["asks"] == ["statistics"]:
        return {"statistics": statistics(parts["train"], study["data"]["features"])}
    file = ask("GET", "/v1/models/" + m["model"])[1]
    assert len(file) == m["model_octets"] and hashlib.sha256(file).hexdigest() == m["model"], "another model"
    length = struct.unpack("<Q", file[:8])[0]
    header, body, values = json.loads(file[8:8 + length]), file[8 + length:], {}
    tensors = [body[slice(*header[name]["data_offsets"])] for name in ("layer.0.weight", "layer.0.bias")]
    model = [x for tensor in tensors for (x,) in struct.iter_unpack("<f", tensor)]
    inputs = json.loads(header["__metadata__"]["inputs"])
    rows = {part: [(scaled(cells, inputs), label) for cells, label in those] for part, those in parts.items()}
    if "train" in m["asks"]:
        weight, bound = len(rows["train"]), study["training"]["update_range"]
        local = train(model, rows["train"], study["training"]["local"], random.Random(f"{APPROVED} {SITE} {m['step']}"))
        values["update"] = [max(-bound, min(bound, f32(f32(a) - b))) * (weight / cap) for a, b in zip(local, model)]
        values["weight"] = [weight]
    if "evaluate" in m["asks"]:
        (loss, counts), (test_loss, test_counts) = (evaluate(model, rows[p], evaluation["bins"]) for p in ("validation", "test"))
        values["loss"], values["counts"] = [loss, test_loss], counts + test_counts
    return values


def write_durably(name, octets):
    with open(name + ".new", "wb") as out:
        out.write(octets)
        out.flush()
        os.fsync(out.fileno())
    os.rename(name + ".new", name)


def asked(m):
    return sum({"statistics": 1, "train": 2, "evaluate": 4}[a] for a in m["asks"])


def plan_of(m):  # what the plan's hash is over, and in a clear round the hash itself
    if not masked:
        return blake(b"COHRTpln", bytes.fromhex(APPROVED), struct.pack("<Q", m["round"]), u32(m["step"]), u32(asked(m)),
                     bytes.fromhex(m["model"] or "00" * 32), struct.pack("<Q", m["model_octets"]), u32(*m["sites"]))
    n, colluders, weights = len(m["sites"]), study["sites"]["max_colluders"], study["training"]["weights"]
    kinds, codings = ("statistics", "update", "weight", "loss", "counts", "errors"), ("narrow", "count", "wide")
    words = sum(items * (2 if coding == "wide" else 1) for _, coding, items, _ in layout_of(m))
    fields = [bytes.fromhex(m["roster"]), u32(*m["sites"]), u32(0, 1), u32(*m["sites"]), u32(words + 4, 32, 4),
              struct.pack("<ddI", study["training"]["update_range"], weights["cap"], weights["by"] == "equal"),
              u32(quorum(n), colluders, (n + colluders) // 2 + 1, 0, 0),
              struct.pack("<IIQI", m["step"], asked(m), m["model_octets"], 0),
              b"".join(u32(kinds.index(name), codings.index(coding), items) + struct.pack("<dd", bound, grid_of(n, coding, bound))
                       for name, coding, items, bound in layout_of(m)),
              b""]
    return b"".join(u32(len(f)) + f for f in fields)


def final(m):  # the octets of this round, made once, on disk before the first leaves; None when the plan is another one
    plan = hashlib.sha256(plan_of(m) + (m["model"] or "").encode()).digest() if masked else plan_of(m)
    name = f"{FOLDER}/round-{m['round']}"
    if not os.path.exists(name):
        octets = encode(len(m["sites"]), layout_of(m), contribution(m))
        heads = entries()
        heads.append(hashlib.sha256((heads or [b""])[-1] + bytes.fromhex(APPROVED) + struct.pack("<Q", m["round"]) + plan + octets).digest())
        write_durably(FOLDER + "/ledger", b"".join(heads))  # first: an entry too many does no harm
        write_durably(name, plan + octets)
    with open(name, "rb") as stored:
        found, octets = stored.read(32), stored.read()
    return octets if found == plan else None


def send(target, octets, mark=None):  # whether it was accepted
    answer = {"offset": 0}
    while "offset" in answer:
        answer = json.loads(ask("PUT", target + str(answer["offset"]), octets[answer["offset"]:][:1 << 20], (200, 410), mark)[1])
    return "accepted" in answer


# ---- the ledger
def entries():  # the heads, the oldest first
    if not os.path.exists(FOLDER + "/ledger"):
        return []
    with open(FOLDER + "/ledger", "rb") as file:
        heads = file.read()
    return [heads[i:i + 32] for i in range(0, len(heads), 32)]


def identity_seed():
    with open(FOLDER + "/sign.key") as pem:
        return base64.b64decode("".join(pem.read().split("-----")[2].split()))[-32:]


def signed(counter, head):
    return tagged(b"COHRTled", roster["federation"].encode(), u32(number), struct.pack("<Q", counter), head)


def mark_now():
    heads = entries()
    return f"{len(heads)} {heads[-1].hex()} {ed25519_sign(identity_seed(), signed(len(heads), heads[-1])).hex()}"


def is_newest(told):  # what the inbox shows is in our ledger; a mark that we have not signed is not believed
    if not told:
        return True
    counter, head, signature = told.split()
    key = bytes.fromhex(next(site["key"] for site in roster["sites"] if site["number"] == number))
    if not ed25519_verify(key, signed(int(counter), bytes.fromhex(head)), bytes.fromhex(signature)):
        print("a mark that we have not signed", file=sys.stderr)
        return True
    return entries()[int(counter) - 1:int(counter)] == [bytes.fromhex(head)]


# ---- under masks
def remembered():  # the newest attempt that was begun, whether its round was opened, and whether any statistics were
    try:
        with open(FOLDER + "/masks") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"round": 0, "attempt": 0, "opened": 0, "statistics_opened": 0}


def remember(m, opened):
    past = remembered()
    opened = opened or (past["opened"] and past["round"] == m["round"])
    statistics_opened = past["statistics_opened"] or (opened and m["asks"] == ["statistics"])
    write_durably(FOLDER + "/masks", json.dumps({"round": m["round"], "attempt": m["attempt"], "opened": int(opened),
                                                 "statistics_opened": int(statistics_opened)}).encode())


def may_take_part(m):
    past = remembered()
    return (m["round"], m["attempt"]) > (past["round"], past["attempt"]) and \
        not (m["round"] == past["round"] and past["opened"]) and not (m["asks"] == ["statistics"] and past["statistics_opened"])


def take_part_masked(m, place, vector):  # the last message, which is said again while the round is open; None: out of the attempt
    invited = {site["number"]: bytes.fromhex(site["key"]) for site in roster["sites"] if site["number"] in m["sites"]}
    words = list(struct.unpack("<%dI" % (len(vector) // 4), vector)) + [1, 0, 0, 0]
    plan = Plan(plan_of(m), invited, study["sites"]["max_colluders"], quorum(len(m["sites"])), len(words), 32)
    attempt = (roster["federation"].encode(), bytes.fromhex(APPROVED), m["round"], m["attempt"], bytes.fromhex(m["model"] or "00" * 32))
    site = Site(plan, attempt, number, identity_seed())

    def say(phase, octets):
        return ask("POST", f"{place}/{phase}", octets, good=(204, 403, 410, 425))[0] == 204

    def listen(phase, while_waiting=lambda: None):
        while True:
            status, octets = ask("GET", f"{place}/{phase}?wait=25", good=(200, 204, 403, 410))
            if status != 204:
                return octets if status == 200 else None
            while_waiting()

    def heard(phase, *more):
        octets = listen(phase, *more)
        if octets is None:
            raise Refused("the coordinator goes on without us")
        return octets

    remember(m, opened=False)
    try:
        say("keys", site.keys())
        say("shares", site.shares(heard("shares")))
        y, message = site.input(heard("input"), words)
        send(f"{place}/contribution?octets={len(y)}&sha256={message[:32].hex()}&signature={message[32:].hex()}&offset=", y,
             mark_now())
        signature = site.survivors(heard("survivors"))
        say("survivors", signature)
        answer = site.opening(heard("opening", lambda: say("survivors", signature)))
        remember(m, opened=True)
        say("opening", answer)
        return lambda: say("survivors", signature) and say("opening", answer)
    except Refused as why:
        print(f"round {m['round']} attempt {m['attempt']}: {why}", file=sys.stderr)
        return None


def take_part(m):
    place, code = f"{PATH}/rounds/{m['round']}/attempts/{m['attempt']}", refusal(m)
    octets = None if code else final(m)
    if octets is None:
        body = {"type": "refusal", "study": STUDY, "study_hash": APPROVED, "round": m["round"], "attempt": m["attempt"],
                "refusal": code or "plan"}
        ask("POST", place + "/refusal", json.dumps(body), good=(204, 409, 410))
    elif not masked:
        send(f"{place}/contribution?octets={len(octets)}&sha256={hashlib.sha256(octets).hexdigest()}&offset=", octets)
    elif may_take_part(m):
        return take_part_masked(m, place, octets)
    return None


def fetch_roster(wanted):  # the SHA-256 of the body in hand, fetched again when it is not the wanted one
    global roster, roster_sha256
    if roster_sha256 != wanted:
        body = ask("GET", "/v1/roster")[1].split(b"\n")[1]
        roster, roster_sha256 = json.loads(body), hashlib.sha256(body).hexdigest()
    return roster_sha256


contract = ask("GET", PATH + "/contract")[1]
if hashlib.blake2b(contract, digest_size=32).hexdigest() != APPROVED:
    sys.exit("the contract is not the one that was approved")
study = json.loads(contract)
evaluation, cap, parts = study["evaluation"], study["training"]["weights"]["cap"], read_rows(study["data"])
masked, roster, roster_sha256 = study["masking"] != "off", None, None
fetch_roster("")
number = {site["name"]: site["number"] for site in roster["sites"]}[SITE]
after, ending, say_again, told = 0, None, None, None
while not ending:
    status, content = ask("GET", f"{PATH}/inbox?after={after}&wait=25&approved={APPROVED}", good=(200, 410))
    told = shown
    open_round, after = None, 0 if status == 410 else after
    for m in json.loads(content)["messages"]:
        after, ending = m["seq"], m if m["type"] == "finished" else None
        open_round, say_again = m if m["type"] == "round" else None, None  # `closed` ends what came before it
    if open_round and not ending:
        say_again = take_part(open_round)
    elif say_again and not ending:
        say_again()
print(json.dumps(ending))
