#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ask layerseal and ledger_check.py about the same logs; both must say the same, and what is expected.

    differ.py                                    names the groups of questions
    differ.py LAYERSEAL WORK GROUP EXPORT TRUST KEY

EXPORT is a real one that KEY, a file, signed; TRUST lets it. Prints each disagreement; exit status 1 if there
was one. SECOND_SHARE=N in the environment asks one in N questions.
"""
import base64
import json
import os
import random
import shutil
import subprocess
import sys

import forge
import ledger_check as check
from forge import IMAGE, LAYER, OTHER, STORE, TREE, Signer, entry, export, lines_of, state_entry

KEY = Signer(bytes(range(32)), b"second/log")
NEXT = Signer(bytes(range(1, 33)), b"second/log")
THIRD = Signer(bytes(range(2, 34)), b"second/log")


def log_line(*words):
    return b" ".join((b"log",) + words) + b"\n"


TRUST = log_line(KEY.vkey)


class Differ:
    def __init__(self, program, work, *real):
        self.program, self.work, self.real = program, work, real
        self.share = int(os.environ.get("SECOND_SHARE", "1"))
        self.questions = self.asked = self.bad = self.believed = 0

    def ask(self, title, files, trust=TRUST, expected=None, prepare=None):
        """expected: True, False, or None if it only matters that both agree. prepare(DIR) changes the files more."""
        if self.passes_over():
            return
        place = os.path.join(self.work, "export")
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        forge.write(place, files)
        if prepare:
            prepare(place)
        if trust is not None:
            self.write_trust(trust)
        self.compare(title, expected, lambda: self.ours(place), lambda: self.theirs(place))

    def ask_proof(self, title, proof, leaf, expected=None, trust=TRUST):
        if self.passes_over():
            return
        names = [os.path.join(self.work, name) for name in ("proof", "entry")]
        for name, data in zip(names, (proof, leaf)):
            with open(name, "wb") as file:
                file.write(data)
        self.write_trust(trust)

        def ours():
            checkpoint, index = check.check_proof(proof, leaf, check.read_trust(self.trust))
            return checkpoint.size, checkpoint.root.hex()

        def theirs():
            return self.run("ledger", "check-proof", *names) and ours()

        self.compare(title, expected, ours, theirs)

    def passes_over(self):
        self.questions += 1
        return (self.questions - 1) % self.share != 0

    @property
    def trust(self):
        return os.path.join(self.work, "trust")

    def write_trust(self, data):
        with open(self.trust, "wb") as file:
            file.write(data)

    def run(self, *arguments):
        """What layerseal prints; a Rejected if it says so. Any other end of it is an error of this test."""
        done = subprocess.run([self.program, "--trust", self.trust, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        message = done.stderr.decode("utf-8", "backslashreplace").strip()
        check.need(done.returncode != 3, message)
        if done.returncode:
            raise RuntimeError("layerseal ended with status %d: %s" % (done.returncode, message))
        return done.stdout

    def theirs(self, place):
        found = json.loads(self.run("ledger", "check", "--json", place))
        counts = {op: n for op, n in found["entries"].items() if n}
        return (found["ledger_size"], found["ledger_root"].partition(":")[2], found["key"].encode(), counts,
                found["entries_that_count"])

    def ours(self, place):
        checkpoint, state, key = check.check_export(place, check.read_trust(self.trust))
        counts = {op: n for op, n in state.counts.items() if n}
        return checkpoint.size, checkpoint.root.hex(), key.vkey, counts, len(state.counting())

    def compare(self, title, expected, *sides):
        self.asked += 1
        said, why = [], []
        for side in sides:
            try:
                said.append(side())
                why.append("believed")
            except (check.Rejected, OSError) as error:
                said.append(None)
                why.append("rejected: %s" % error)
        self.believed += said[0] is not None
        wrong = said[0] != said[1] or expected is not None and (said[0] is not None) != expected
        if wrong:
            self.bad += 1
            print("%s (wanted: %s)\n  ledger_check.py %s\n  layerseal       %s" % (title, expected, *why))
            if None not in said:
                print("  ", *said)

    def end(self):
        print("asked %d, believed %d, wrong %d" % (self.asked, self.believed, self.bad))
        return 1 if self.bad or not self.asked else 0


# ---- The syntax of entries ---------------------------------------------------------------------------------

PREFIX = [entry("init", graphroot=b"/one", additional=[]), entry("seal-layer", layer=LAYER, tree=TREE),
          entry("seal-image", image=IMAGE), entry("seal-name", name=b"n", image=IMAGE),
          entry("anchor", anchor=b"tpm:", counter=b"0")]
DIGEST_BAD = [b"", b"c" * 64, b"sha256:", TREE[:-1], TREE + b"0", TREE.upper(), b"sha256:" + b"C" * 64, b"sha512" + TREE[6:],
              TREE[:-1] + b"g", b" " + TREE, TREE + b" ", TREE[:-1] + b"\0"]
HEX_BAD = [b"", b"\xff", b"A" * 64, b"A" * 32, b"a" * 63, b"a" * 65, b"a" * 31, b"a" * 33, b"g" * 64, b"g" * 32, b"0x" + b"a" * 62]
NUMBER_GOOD = [b"0", b"9", b"10", b"18446744073709551615"]
NUMBER_BAD = [b"", b"-1", b"+1", b"00", b"01", b"0x1", b"1e3", b"1.0", b" 1", b"1 ", b"18446744073709551616",
              b"99999999999999999999", b"1" * 21, b"\xd9\xa1", b"1\0", b"a"]
TEXT_GOOD = [b"a", b"--", b"\\x2d", b"\\x5c", b"\\x20", b"\\xff", b"\\x0a", b"\\xc3\\xa9", b"-\\x20", b"\\x7f", b"~", b"!", b"=",
             b"\\x5cx41", b"\\x01"]
TEXT_BAD = [b"", b" ", b"a b", b"\xc3\xa9", b"\x7f", b"\t", b"\\", b"\\x", b"\\x2", b"\\x20\\", b"\\x2D", b"\\x5C", b"\\x41",
            b"\\x2d\\x2d", b"a\\x2d", b"\\x00", b"a\\x00", b"\\\\", b"\\n", b"\\X20", b"\0", b"a\r"]
VALUES = {  # kind: good ones, bad ones
    "text": (TEXT_GOOD, TEXT_BAD),
    "number": (NUMBER_GOOD, NUMBER_BAD),
    "digest": ([b"sha256:" + b"09af" * 16], DIGEST_BAD),
    "id": ([b"09af" * 16], HEX_BAD + [b"a" * 32]),
    "print": ([b"09af" * 8], HEX_BAD + [b"a" * 64]),
    "object": ([], [b"", b"name", b"Layer", b"layers", b"store"]),
    "path": ([b"/", b"/-", b"/a/b", b"/\\x20", b"/..//"],
             [b"", b"-", b"a", b"\\x2f", b"\\x2fa", b"\\x20/a", b"/a b", b"/\\x41", b"/\\x00"]),
    "tree": ([], [b"", b"-", b"cache", b"Cache-mount", b"cache-mounts", b"layer"]),
    "thing": ([b"layer", b"image", b"container", b"name", b"cache-mount"], [b"", b"-", b"store", b"files", b"File"]),
    "file": ([b"a 0 " + TREE, b"\\x20 18446744073709551615 " + TREE],
             [b"", b"a", b"a 0", b"a 0 ", b"a  0 " + TREE, b"- 0 " + TREE, b" 0 " + TREE, b"a 01 " + TREE, b"a 0 " + TREE + b" ",
              b"a 0 " + TREE + b" b", b"a - " + TREE, b"a 0 " + TREE.upper(), b"a 0 -", b"a b 0 " + TREE, b"-"]),
}
# Lines whose value has to fit the entries before: any other good spelling is refused for that.
BOUND = {("unrevoke", "digest"), ("retire-tree", "path"), ("retire", "id"), ("retire", "object"), ("seal-name", "image"), ("remeasure", "layer"), ("remeasure", "tree"),
         ("key-add", "vkey"), ("key-retire", "vkey"), ("state", "snapshot"), ("state", "snapshot-bytes"), ("state", "objects")}


def before(op):
    """What an entry of that op may follow."""
    return PREFIX + [entry("revoke")] * (op == "unrevoke") + [entry("seal-tree")] * (op == "retire-tree")


def good_pairs(op):
    """An entry of that op that may follow those."""
    if op == "state":
        return [tuple(line.split(b" ", 1)) for line in state_entry(PREFIX).splitlines()[1:]]
    values = {"retire": {"id": LAYER}, "seal-name": {"image": IMAGE}, "key-add": {"vkey": NEXT.vkey},
              "key-retire": {"vkey": NEXT.vkey}}.get(op, {})
    return lines_of(op, b"-" if op in check.WHOLE_LEDGER else STORE, **values)


def syntax_values(differ):
    """Every spelling of a value once, and some of them in every line."""
    rng = random.Random(5)
    seen = set()
    for op in check.LINES:
        pairs = good_pairs(op)
        kinds = dict(check.LINES[op], time="number", store="store")

        def with_value(i, value):
            return before(op) + [forge.join(pairs[:i] + [(pairs[i][0], value)] + pairs[i + 1:])]

        for i, (key, _) in enumerate(pairs):
            key = key.decode()
            if key == "op":
                tries = [], [b"", b"Init", op.encode() + b" ", op.encode()[:-1], b"seal", b"-"]
            elif key == "store":
                good = [OTHER] if op == "init" else []
                tries = good, [b"", b"1" * 31, b"1" * 33, b"A" * 32, STORE if op in check.WHOLE_LEDGER else b"-", b"\\x2d"]
            else:
                kind = kinds[key].rstrip("?*~")
                good, bad = VALUES[kind]
                good = [] if (op, key) in BOUND else good + [b"-"] * kinds[key].endswith("?")
                bad = bad + [b"-"] * (not kinds[key].endswith("?"))
                tries = good, bad
            if key == "time":
                tries = [b"0", b"9223372036854775807"], NUMBER_BAD + [b"9223372036854775808"]
            kind = key if key in ("op", "store", "time") else kind
            for expected, values in zip((True, False), tries):
                few = {"op": 6, "store": 6}.get(key, 4)
                if kind in seen and len(values) > few:
                    # "none" is the last of the list.
                    values = rng.sample(values[:-1], few - 1) + values[-1:]
                for value in values:
                    log = with_value(i, value)
                    differ.ask("%s: %s %r" % (op, key, value), export(log, KEY), expected=expected)
            seen.add(kind)


def syntax_lines(differ):
    """Every line missing, repeated, moved, misspelled; what is around them."""
    rng = random.Random(6)
    for op in check.LINES:
        pairs = good_pairs(op)
        good = forge.join(pairs)
        differ.ask(op, export(before(op) + [good], KEY), expected=True)
        tries = [(b"", "no bytes"), (good[:-1], "no line feed"), (good + b"\n", "empty line"), (good + b"x y\n", "more"),
                 (good + good, "twice"), (good.replace(b"\n", b"\r\n"), "CR"), (good.replace(b"v1", b"v2", 1), "version"),
                 (good.replace(b" entry", b" entry ", 1), "space"), (good.partition(b"\n")[2], "no first line"),
                 (b"\xef\xbb\xbf" + good, "BOM"), (good + b"\0", "NUL"), (good[:-1] + b" \n", "space at the end"),
                 (good.replace(b" ", b"\t"), "tabs")]
        for i, (key, value) in enumerate(pairs):
            repeatable = check.LINES[op] and dict(check.LINES[op]).get(key.decode(), "").endswith("*")
            if not repeatable and key != b"scrub":
                tries.append((forge.join(pairs[:i] + pairs[i + 1:]), "without " + key.decode()))
            if not repeatable or key == b"file":
                tries.append((forge.join(pairs[:i + 1] + pairs[i:]), "twice " + key.decode()))
            if i + 1 < len(pairs):
                tries.append((forge.join(pairs[:i] + [pairs[i + 1], pairs[i]] + pairs[i + 2:]), "moved " + key.decode()))
            for name in rng.sample((key.upper(), key + b" ", key + b"x", b" " + key, key[:-1], b""), 2):
                tries.append((forge.join(pairs[:i] + [(name, value)] + pairs[i + 1:]), "%s as %r" % (key, name)))
            tries.append((good.replace(key + b" " + value, key, 1), "no value of " + key.decode()))
        for data, what in tries:
            differ.ask("%s: %s" % (op, what), export(before(op) + [data], KEY), expected=False)
    long = entry("seal-name", name=b"n", image=IMAGE, reason=b"r")
    for size, expected in ((4096, True), (4097, False), (65535, False)):
        data = entry("seal-name", name=b"n", image=IMAGE, reason=b"r" * (size - len(long) + 1))
        differ.ask("an entry of %d bytes" % size, export(PREFIX + [data], KEY), expected=expected)
    names = [b"a", b"\\x5c", b"\\xff", b"A", b"aa"]
    for first in names:
        for second in names:
            files = [name + b" 1 " + TREE for name in (first, second)]
            ordered = check.text(first, "") < check.text(second, "")
            differ.ask("files %r %r" % (first, second), export(PREFIX + [entry("seal-image", file=files)], KEY), expected=ordered)
    for additional in ([], [b"/b", b"/a", b"/b"]):
        differ.ask("additional", export([entry("init", additional=additional)], KEY), expected=True)
    for op in ("seal-layer", "remeasure", "seal-tree"):
        differ.ask("%s without scrub" % op, export(before(op) + [entry(op, scrub=[])], KEY), expected=True)
    differ.ask("of no user", export([entry("init", user=[], uids=[], gids=[])], KEY), expected=True)
    differ.ask("no files", export(PREFIX + [entry("seal-layer", file=[]), entry("seal-image", file=[])], KEY), expected=True)


# ---- The order of entries ----------------------------------------------------------------------------------


def order(differ):
    """Every rule between entries, kept and broken."""
    one, layer, image, name, _ = PREFIX
    two = entry("init", store=OTHER, graphroot=b"/two")
    tree, tree_gone = entry("seal-tree"), entry("retire-tree")
    gone, image_gone = entry("retire", id=LAYER), entry("retire", object=b"image", id=IMAGE)
    measured = entry("remeasure", layer=LAYER, tree=TREE)
    add, drop = entry("key-add", vkey=NEXT.vkey), entry("key-retire", vkey=NEXT.vkey)
    own = entry("key-retire", vkey=KEY.vkey)

    def counter(n, which=b"a"):
        return entry("anchor", anchor=which, counter=b"%d" % n)

    def moved(store=STORE, graphroot=b"/moved"):
        return entry("init", store=store, graphroot=graphroot)

    table = [
        ("no entries", [], True),
        ("init alone", [one], True),
        ("init again", [one, one], True),
        ("two stores", [one, two], True),
        ("graphroot of another store", [one, entry("init", store=OTHER, graphroot=b"/one")], False),
        ("graphroot another store had once", [one, moved(), entry("init", store=OTHER, graphroot=b"/one")], True),
        ("graphroot to which another store moved", [one, moved(), moved(OTHER)], False),
        ("stores exchange graphroots", [one, two, moved(), moved(OTHER, b"/one"), moved(STORE, b"/two")], True),
        ("layer without init", [layer], False),
        ("layer before init", [layer, one], False),
        ("store that is not there", [one, entry("seal-layer", store=OTHER)], False),
        ("key-add first", [add], True),
        ("anchor first", [counter(0)], True),
        ("state first", [state_entry([])], True),
        ("state first, then init", [state_entry([]), one], True),
        ("seal", [one, layer], True),
        ("seal twice", [one, layer, layer], True),
        ("revoke", [entry("revoke"), entry("unrevoke"), entry("revoke")], True),
        ("revoke another", [entry("revoke"), entry("revoke", digest=b"sha256:" + b"d" * 64)], True),
        ("revoke twice", [entry("revoke"), entry("revoke")], False),
        ("unrevoke what is not revoked", [one, entry("unrevoke")], False),
        ("unrevoke twice", [entry("revoke"), entry("unrevoke"), entry("unrevoke")], False),
        ("unrevoke another", [entry("revoke"), entry("unrevoke", digest=b"sha256:" + b"d" * 64)], False),
        ("retire", [one, layer, gone], True),
        ("retire what is not sealed", [one, gone], False),
        ("retire twice", [one, layer, gone, gone], False),
        ("retire, seal, retire", [one, layer, gone, layer, gone], True),
        ("retire another", [one, layer, entry("retire", id=b"0" * 64)], False),
        ("retire a layer as image", [one, layer, entry("retire", object=b"image", id=LAYER)], False),
        ("retire an image as layer", [one, image, entry("retire", id=IMAGE)], False),
        ("retire in another store", [one, two, layer, entry("retire", store=OTHER, id=LAYER)], False),
        ("retire in one of two stores", [one, two, layer, entry("seal-layer", store=OTHER), gone,
                                         entry("retire", store=OTHER, id=LAYER)], True),
        ("retire after remeasure", [one, layer, measured, gone], True),
        ("remeasure", [one, layer, measured, measured], True),
        ("remeasure what is not sealed", [one, measured], False),
        ("remeasure what is retired", [one, layer, gone, measured], False),
        ("remeasure another tree", [one, layer, entry("remeasure", tree=TREE[:-1] + b"0")], False),
        ("remeasure the tree of an older seal",
         [one, layer, entry("seal-layer", tree=TREE[:-1] + b"0"), measured], False),
        ("remeasure the newer tree",
         [one, entry("seal-layer", tree=TREE[:-1] + b"0"), layer, measured], True),
        ("remeasure an image", [one, image, entry("remeasure", layer=IMAGE)], False),
        ("remeasure in another store", [one, two, layer, entry("remeasure", store=OTHER)], False),
        ("name", [one, image, name], True),
        ("name twice", [one, image, name, name], True),
        ("name without image", [one, name], False),
        ("name of a layer", [one, layer, entry("seal-name", image=LAYER)], False),
        ("name of a retired image", [one, image, image_gone, name], False),
        ("name of a retired image sealed again", [one, image, name, image_gone, image, name], True),
        ("name in another store", [one, two, image, entry("seal-name", store=OTHER, image=IMAGE)], False),
        ("parent, top layer that are not sealed", [one, entry("seal-layer", parent=b"0" * 64),
                                                   entry("seal-image", layer=b"1" * 64)], True),
        ("purge", [one, entry("purge"), entry("purge", object=b"layer", id=LAYER)], True),
        ("purge in a store that is not there", [one, entry("purge", store=OTHER)], False),
        ("purge does not retire", [one, layer, entry("purge", object=b"layer", id=LAYER), measured, gone], True),
        ("purge, then state", [one, entry("purge"), state_entry([one, entry("purge")])], True),
        ("alarm, gap", [one, entry("alarm"), entry("gap"), entry("alarm", layer=LAYER, pid=b"-", uid=b"0"), entry("gap")], True),
        ("alarm in a store that is not there", [one, entry("alarm", store=OTHER)], False),
        ("gap in a store that is not there", [one, entry("gap", store=OTHER)], False),
        ("alarm does not retire", [one, layer, entry("alarm", layer=LAYER), measured, gone], True),
        ("alarm, gap, then state", [one, entry("alarm"), entry("gap"), state_entry([one, entry("alarm")])], True),
        ("tree", [one, tree, tree, tree_gone, tree, tree_gone], True),
        ("tree in a store that is not there", [one, entry("seal-tree", store=OTHER)], False),
        ("tree retired that is not sealed", [one, tree_gone], False),
        ("tree retired twice", [one, tree, tree_gone, tree_gone], False),
        ("tree retired of another path", [one, tree, entry("retire-tree", path=b"/some")], False),
        ("tree retired in another store", [one, two, tree, entry("retire-tree", store=OTHER)], False),
        ("tree of one of two stores retired", [one, two, tree, entry("seal-tree", store=OTHER), tree_gone,
                                               entry("retire-tree", store=OTHER)], True),
        ("key added", [one, add], True),
        ("key added twice", [one, add, add], False),
        ("key retired", [one, add, drop], True),
        ("key retired twice", [one, add, drop, drop], False),
        ("key retired that was not added", [one, drop], True),
        ("key added again after it was retired", [one, add, drop, add], False),
        ("key added after it was retired", [one, drop, add], False),
        ("own key added, just before it signs", [one, entry("key-add", vkey=KEY.vkey)], True),
        ("own key retired", [one, own], True),
        ("own key retired before the last entry", [one, own, layer], False),
        ("the same vkey with another reason", [one, add, entry("key-add", vkey=NEXT.vkey, reason=b"-")], False),
        ("anchors", [counter(0), counter(1), counter(0, b"b"), counter(7)], True),
        ("anchor's counter again", [counter(1), counter(1)], False),
        ("anchor's counter smaller", [counter(2), counter(3, b"b"), counter(1)], False),
        ("anchor's largest counter", [counter(2**64 - 1)], True),
    ]
    for title, log, expected in table:
        differ.ask(title, export(log, KEY), expected=expected)
    keys(differ, one)
    states(differ)


def keys(differ, one):
    """What is a key in key-add; another key of the log, and the same key under another name."""
    other_name = forge.vkey(b"second/other", NEXT.public)
    def y(number):
        return forge.vkey(KEY.name, number.to_bytes(32, "little"))

    short = next(n for n in range(2**192 - 1, 0, -1) if check.point_decode(n.to_bytes(32, "little")))
    small = next(n for n in range(2, 99) if check.point_decode(n.to_bytes(32, "little")))
    tries = {
        "with a y below 2^192": y(short), "with a small y": y(small),
        "of small order": y(0),
        "of order 8": forge.vkey(KEY.name, bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")),
        "not canonical": y(check.P + 3),
        "not on the curve": y(2),
        "zero with a sign": y(1 | 1 << 255),
        "of another algorithm": forge.vkey(KEY.name, NEXT.public, b"\4"),
        "too short": forge.vkey(KEY.name, NEXT.public[:31]),
        "too long": forge.vkey(KEY.name, NEXT.public + b"\0"),
        "with a wrong hash": NEXT.vkey.replace(NEXT.hash.hex().encode(), b"00000000"),
        "with an upper-case hash": NEXT.vkey.replace(NEXT.hash.hex().encode(), NEXT.hash.hex().upper().encode()),
        "without its base64": NEXT.vkey.rpartition(b"+")[0],
        "with more": NEXT.vkey + b"=",
        "with an upper-case name": forge.vkey(b"Second", NEXT.public),
        "with a dot in front": forge.vkey(b".second", NEXT.public),
        "with a name of 201 bytes": forge.vkey(b"s" * 201, NEXT.public),
        "without a name": forge.vkey(b"", NEXT.public),
        "with a space": forge.vkey(b"s\\x20s", NEXT.public),
        "of another spelling": NEXT.vkey[:-1] + bytes([NEXT.vkey[-1] + 1]),
    }
    for what, vkey in tries.items():
        for op in ("key-add", "key-retire"):
            differ.ask("%s: vkey %s" % (op, what), export([one, entry(op, vkey=vkey)], KEY), expected=False)
    tall = next(n for n in range(2**192, 2**193) if check.point_decode(n.to_bytes(32, "little")))
    differ.ask("vkey with a y of 193 bits", export([one, entry("key-add", vkey=y(tall))], KEY), expected=True)
    differ.ask("vkey of another name", export([one, entry("key-add", vkey=other_name)], KEY))
    differ.ask("vkey with a name of 200 bytes", export([one, entry("key-add", vkey=forge.vkey(b"s" * 200, NEXT.public))], KEY))
    differ.ask("a key under two names", export([one, entry("key-add", vkey=NEXT.vkey), entry("key-add", vkey=other_name)], KEY))


def states(differ):
    """state entries: what counts after some histories, and every wrong claim about it."""
    one, layer, image, name, anchor = PREFIX
    histories = {
        "all ops": PREFIX + [entry("key-add", vkey=NEXT.vkey), entry("key-retire", vkey=THIRD.vkey),
                             entry("remeasure", layer=LAYER, tree=TREE)],
        "init again": [one, one],
        "sealed again": [one, layer, layer, image, image],
        "sealed again after remeasure": [one, layer, entry("remeasure"), layer],
        "remeasured twice": [one, layer, entry("remeasure"), entry("remeasure")],
        "without scrub sums": [one, entry("seal-layer", scrub=[]), entry("remeasure", scrub=[]), entry("seal-tree", scrub=[])],
        "retired": [one, layer, entry("retire", id=LAYER), image, name, entry("retire", object=b"image", id=IMAGE)],
        "retired and sealed": [one, image, name, entry("retire", object=b"image", id=IMAGE), image],
        "trees": [one, entry("seal-tree"), entry("seal-tree", path=b"/b"), entry("seal-tree", statprint=b"-"), entry("retire-tree", path=b"/b")],
        "name moved": [one, image, entry("seal-image", image=b"0" * 64), name, entry("seal-name", name=b"n", image=b"0" * 64)],
        "name moved, old image retired": [one, image, entry("seal-image", image=b"0" * 64), name,
                                          entry("seal-name", name=b"n", image=b"0" * 64),
                                          entry("retire", object=b"image", id=IMAGE)],
        "anchors": [anchor, entry("anchor", anchor=b"b", counter=b"4"), entry("anchor", anchor=b"b", counter=b"5")],
        "state before": PREFIX + [state_entry(PREFIX)],
    }
    for title, log in histories.items():
        good = state_entry(log)
        differ.ask("state: " + title, export(log + [good], KEY), expected=True)
        differ.ask("state and more: " + title, export(log + [good, entry("anchor", anchor=b"z")], KEY), expected=True)
        lines = dict(line.split(b" ", 1) for line in good.splitlines())
        for key in (b"objects", b"snapshot-bytes"):
            for change in (-1, 1):
                wrong = {key.decode().replace("-", "_"): b"%d" % (int(lines[key]) + change)}
                differ.ask("state: %s: %s" % (title, wrong), export(log + [state_entry(log, **wrong)], KEY), expected=False)
        differ.ask("state: wrong digest: " + title, export(log + [state_entry(log, snapshot=TREE)], KEY), expected=False)
        for i in range(len(log)):
            differ.ask("state of less: " + title, export(log + [state_entry(log[:i])], KEY), expected=None)


# ---- Checkpoints and trust ---------------------------------------------------------------------------------


def checkpoints(differ):
    """The signed note, its signatures, and who may sign."""
    log = PREFIX
    good = forge.checkpoint(log, KEY)
    text = good.partition(b"\n\n")[0] + b"\n"
    root = check.root_hash([check.leaf_hash(e) for e in log])
    sign = KEY.line(text)
    stranger = NEXT.line(text)

    def ask(title, note, expected, trust=TRUST):
        differ.ask("checkpoint: " + title, dict(export(log, KEY), checkpoint=note), trust, expected)

    def signed(text, *signers):
        return text + b"\n" + b"".join(signer.line(text) for signer in signers or [KEY])

    def alone(line, expected, title):
        ask(title, text + b"\n" + line, expected)
        ask(title + ", after ours", text + b"\n" + sign + line, None if expected is None else expected)

    ask("good", good, True)
    for title, other in {
            "another origin": forge.body(b"second/other", 5, root), "smaller": forge.body(KEY.name, 4, root),
            "larger": forge.body(KEY.name, 6, root), "no size": text.replace(b"\n5\n", b"\n\n"),
            "size with a zero": text.replace(b"\n5\n", b"\n05\n"), "size with a sign": text.replace(b"\n5\n", b"\n+5\n"),
            "size with a space": text.replace(b"\n5\n", b"\n5 \n"), "size of 2^64": forge.body(KEY.name, 2**64, root),
            "size of 2^64-1": forge.body(KEY.name, 2**64 - 1, root), "size of 2^63": forge.body(KEY.name, 2**63, root),
            "root too short": forge.body(KEY.name, 5, root[:31]), "root too long": forge.body(KEY.name, 5, root + b"\0"),
            "another root": forge.body(KEY.name, 5, root[:31] + b"\0"), "root without padding": text[:-2] + b"\n",
            "root in another spelling": text[:-3] + bytes([text[-3] + 1]) + b"=\n", "an extension line": text + b"more\n",
            "an extension of \u2014": text + "\u2014 a b\n".encode(), "two lines": text.rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n",
            "CR": text.replace(b"\n", b"\r\n"), "an empty line more": text + b"\n", "no origin": text.partition(b"\n")[2],
            "empty origin": text[len(KEY.name):], "space after origin": text.replace(b"\n", b" \n", 1)}.items():
        ask(title, signed(other), False)
    for title, note in {
            "empty": b"", "no signature": text + b"\n", "no empty line": text + sign, "text alone": text,
            "no line feed": good[:-1], "one more line feed": good + b"\n", "two empty lines": text + b"\n\n" + sign,
            "empty line between": text + b"\n" + sign + b"\n" + sign, "NUL": good + b"\0", "space in front": b" " + good,
            "BOM": b"\xef\xbb\xbf" + good, "stranger's signature": signed(text, NEXT), "CR at the end": good[:-1] + b"\r\n",
            "another's text": signed(text + b"x", KEY)[:-1]}.items():
        ask(title, note, False)
    blob = KEY.hash + KEY.sign(text)
    wrong = {
        "flipped R": blob[:5] + bytes([blob[5] ^ 1]) + blob[6:], "flipped S": blob[:-1] + bytes([blob[-1] ^ 1]),
        "S plus L": KEY.hash + KEY.sign(text, plus=1), "S zero": blob[:36] + bytes(32), "short": blob[:-1], "long": blob + b"\0",
        "hash alone": KEY.hash, "of other text": KEY.hash + KEY.sign(text + b"x"),
    }
    for title, data in wrong.items():
        alone(forge.note_line(KEY.name, data), None if title == "hash alone" else False, "signature: " + title)
    odd = {
        "hyphen": sign.replace(b"\xe2\x80\x94", b"-"), "two dashes": b"\xe2\x80\x94" + sign, "no space": sign.replace(b" ", b"", 1),
        "two spaces": sign.replace(b" ", b"  ", 1), "space at the end": sign[:-1] + b" \n", "no padding": sign.rstrip(b"\n=") + b"\n",
        "one word more": sign[:-1] + b" x\n", "tab": sign.replace(b" ", b"\t", 1), "URL's base64": sign.replace(b"/", b"_").replace(b"+", b"-"),
        "other line": b"hello\n", "en dash": sign.replace("\u2014".encode(), "\u2013".encode()),
    }
    for title, line in odd.items():
        expected = True if line == sign else False
        alone(line, expected, "signature line: " + title)
    for title, line in {
            "stranger": stranger, "wrong stranger": forge.note_line(NEXT.name, NEXT.hash + bytes(64)),
            "our hash, another name": forge.note_line(b"second/other", blob), "our name, another hash": forge.note_line(KEY.name, b"abcd" + blob[4:]),
            "a witness": forge.note_line(b"witness.example", b"abcd" + bytes(72)), "ours again": sign, "one byte": forge.note_line(b"x", b"abcde"),
    }.items():
        for note, where in ((sign + line, "after"), (line + sign, "before")):
            ask("and %s %s" % (title, where), text + b"\n" + note, True)
    for title, line in {
            "four bytes": forge.note_line(b"x", b"abcd"), "three bytes": forge.note_line(b"x", b"abc"), "no bytes": forge.note_line(b"x", b""),
            "UTF-8 name": forge.note_line("\u00e9".encode(), b"abcdefgh"), "name that is not UTF-8": forge.note_line(b"\xff", b"abcdefgh"),
            "plus in the name": forge.note_line(b"x+y", b"abcdefgh"), "control in the name": forge.note_line(b"x\1", b"abcdefgh"),
            "no name": forge.note_line(b"", b"abcdefgh"), "upper-case name": forge.note_line(b"X", b"abcdefgh"),
            "NUL in the name": forge.note_line(b"x\0y", b"abcdefgh"), "no-break space": forge.note_line("x\u00a0y".encode(), b"abcdefgh"),
            "tab in the name": forge.note_line(b"x\ty", b"abcdefgh"),
            "another spelling": forge.note_line(b"x", b"abcdefg").replace(b"Zw==", b"Zx=="), "long": forge.note_line(b"x" * 300, b"a" * 500),
    }.items():
        ask("and a signature of %s" % title, text + b"\n" + sign + line, None)
    for count, expected in ((63, True), (64, False)):
        ask("%d strangers" % count, text + b"\n" + sign + stranger * count, expected)
    for size, expected in ((16384, True), (16385, False)):
        base = text + b"\n" + sign
        filler = b"\xe2\x80\x94 " + b"x" * ((size - len(base)) - 14 - 8) + b" " + base64.b64encode(b"abcdefghi") + b"\n"
        filler = filler if len(base + filler) == size else b"\xe2\x80\x94 " + b"x" * (size - len(base) - 18) + b" YWJjZGVmZ2hp\n"
        assert len(base + filler) == size
        ask("of %d bytes" % size, base + filler, expected)
    who_may_sign(differ)


def signatures(differ):
    """Ed25519 where implementations differ: R of small order or not canonical, points outside the subgroup."""
    text = forge.checkpoint(PREFIX, KEY).partition(b"\n\n")[0] + b"\n"

    def ask(title, signer, expected, text=text, **how):
        note = text + b"\n" + signer.line(text, **how)
        differ.ask("signature: " + title, dict(export(PREFIX, KEY), checkpoint=note), log_line(signer.vkey), expected)

    ask("as it should be", KEY, True)
    ask("R is neutral", KEY, True, r=0)
    ask("R is neutral, y + p", KEY, False, r=0, point=(check.P + 1).to_bytes(32, "little"))
    ask("R is neutral, x is minus zero", KEY, False, r=0, point=(1 | 1 << 255).to_bytes(32, "little"))
    ask("S plus L", KEY, False, plus=1)
    for times in range(1, 8):
        ask("R and %d torsion" % times, KEY, False, torsion=times)
        mixed = Signer(bytes(range(32)), KEY.name, torsion=times)
        for more in range(8):
            # h * A has as much torsion as R for one of these.
            ask("key and %d torsion, R and %d" % (times, more), mixed, None, torsion=more)


def who_may_sign(differ):
    """Bounds of the trust file and of key-add and key-retire, at each of their edges."""
    log = PREFIX
    for first in (None, 0, 4, 5, 6):
        for last in (None, 0, 4, 5, 6):
            if last is not None and (first or 0) > last:
                continue
            words = [KEY.vkey] + ([b"from", b"%d" % first] if first is not None else [])
            words += [b"until", b"%d" % last] if last is not None else []
            fits = (first or 0) <= 5 <= (99 if last is None else last)
            differ.ask("trust %r" % words[1:], export(log, KEY), log_line(*words), fits)
            both = log_line(*words) + log_line(NEXT.vkey)
            differ.ask("trust %r, and another signs" % words[1:], export(log, NEXT), both, True)
            differ.ask("trust %r, both sign" % words[1:], export(log, KEY, NEXT), both, True)
            bad = export(log, NEXT)
            bad["checkpoint"] += forge.note_line(KEY.name, KEY.hash + bytes(64))
            differ.ask("trust %r, one signs wrongly" % words[1:], bad, both, not fits)
    differ.ask("older than a from of another key", export(log, KEY), TRUST + log_line(NEXT.vkey, b"from", b"6"), True)
    both = TRUST + log_line(NEXT.vkey)
    add, retire = entry("key-add", vkey=NEXT.vkey), entry("key-retire", vkey=KEY.vkey)
    logs = {"rotated": log + [add, retire], "rotated the other way": log + [retire, add], "rotated, one more": log + [add, retire, log[1]],
            "added": log + [add], "added, one more": log + [add, log[1]], "retired": log + [retire], "retired, one more": log + [retire, log[1]]}
    for title, entries in logs.items():
        size = len(entries)
        for signers in ([KEY], [NEXT], [KEY, NEXT], [NEXT, KEY], [THIRD], [KEY, THIRD]):
            added = entries.index(add) if add in entries else -1
            gone = entries.index(retire) if retire in entries else 99
            fits = {KEY: size <= gone + 1, NEXT: size > added, THIRD: False}
            expected = any(fits[signer] for signer in signers)
            differ.ask("%s, signed by %s" % (title, [s.hash.hex() for s in signers]), export(entries, *signers), both, expected)
    differ.ask("trust lets one, the entries let the other", export(log + [retire, log[1]], KEY, NEXT),
               TRUST + log_line(NEXT.vkey, b"until", b"6"), False)
    differ.ask("entries let the second", export(log + [retire, log[1]], KEY, NEXT), both, True)


def trust_files(differ):
    """Lines of the trust file."""
    log = export(PREFIX, KEY)
    good = log_line(KEY.vkey)
    bare = good[:-1]
    witness = b"witness some.witness " + forge.vkey(b"some.witness", NEXT.public) + b"\n"
    other = log_line(NEXT.vkey)
    many = [log_line(Signer(bytes([i]) * 32, KEY.name).vkey) for i in range(64)]
    table = {
        "empty": (b"", False), "comments alone": (b"# log\n\n", False), "comment and empty lines": (b"# x\n\n" + good + b"\n# y\n", True),
        "another key": (other, False), "both": (other + good, True), "another name": (good + log_line(forge.vkey(b"second/other", NEXT.public)), False),
        "unknown word": (good + b"logs x\n", False), "log alone": (good + b"log\n", False), "log and space": (good + b"log \n", False),
        "witness": (good + witness, True), "witness alone": (witness, False), "witness without vkey": (good + b"witness x\n", False),
        "no number": (bare + b" from\n", False), "number with zero": (bare + b" from 01\n", False), "negative": (bare + b" from -1\n", False),
        "2^64-1": (bare + b" until 18446744073709551615\n", True), "2^64": (bare + b" until 18446744073709551616\n", False),
        "from twice": (bare + b" from 1 from 2\n", False), "more words": (bare + b" from 1 x\n", False), "unknown bound": (bare + b" to 7\n", False),
        "broken vkey": (bare[:-4] + b"AAAA\n" + good, False), "upper-case": (b"LOG" + good[3:], False), "64 keys": (good + b"".join(many[:63]), True),
        "65 keys": (good + b"".join(many), False), "NUL": (good + b"\0\n", False), "NUL in a comment": (b"# \0\n" + good, None),
        # What the manual says nothing about: both have to do the same.
        "no line feed": (bare, None), "CR": (bare + b"\r\n", None), "two spaces": (b"log  " + good[4:], None), "tab": (b"log\t" + good[4:], None),
        "space at the end": (bare + b" \n", None), "space in front": (b" " + good, None), "space before a comment": (b" # x\n" + good, None),
        "line of spaces": (good + b"  \n", None), "comment at the end": (bare + b" # x\n", None), "until before from": (bare + b" until 9 from 1\n", None),
        "from above until": (good + other[:-1] + b" from 9 until 1\n", None), "twice": (good + good, None), "UTF-8 comment": ("# é\n".encode() + good, None),
        "bytes in a comment": (b"# \xff\n" + good, None), "witness of another name": (good + witness.replace(b"s some", b"s x.some", 1), None),
        "witness key of type 4": (good + b"witness w " + forge.vkey(b"w", NEXT.public, b"\4") + b"\n", None),
        "witness with bounds": (good + witness[:-1] + b" from 1\n", None), "65 witnesses": (good + witness * 65, None),
        "witness with our key": (good + b"witness w " + KEY.vkey + b"\n", None), "twice with bounds": (bare + b" until 2\n" + good, None),
        "BOM": (b"\xef\xbb\xbf" + good, False), "long comment": (b"#" + b"x" * 5000 + b"\n" + good, None),
        "form feed": (good + b"\f\n", None),
    }
    for title, (text, expected) in table.items():
        differ.ask("trust file: " + title, log, text, expected)
    for mode, expected in ((0o600, True), (0o644, True), (0o664, False), (0o646, False)):
        differ.write_trust(TRUST)
        os.chmod(differ.trust, mode)
        differ.ask("trust file of mode %o" % mode, log, None, expected)
        os.chmod(differ.trust, 0o600)
    for mode, expected in ((0o700, True), (0o755, True), (0o775, False), (0o757, False), (0o1777, True)):
        os.chmod(differ.work, mode)
        differ.ask("directory of the trust file of mode %o" % mode, log, TRUST, expected)
        os.chmod(differ.work, 0o700)
    os.unlink(differ.trust)
    differ.ask("no trust file", log, None, False)


# ---- The files of an export --------------------------------------------------------------------------------


def grow(count):
    """A log of that many entries."""
    log = list(PREFIX)
    for i in range((count - len(log)) // 2):
        log += [entry("retire", id=LAYER), entry("seal-layer", tree=TREE, bytes=b"%d" % i)]
    return log + [entry("seal-name", name=b"last", image=IMAGE)] * (count - len(log))


def tiles(differ):
    """Each file of an export missing, shorter, longer, changed, of another type; the full tile in place of a partial one."""
    for size in (1, 2, 255, 256, 257, 512, 515):
        differ.ask("%d entries" % size, export(grow(size) if size > 4 else PREFIX[:size], KEY), expected=True)
    log = grow(515)
    good = export(log, KEY)
    for name, data in good.items():
        tries = {"missing": None, "empty": b"", "shorter": data[:-1], "longer": data + b"\0", "a hash longer": data + bytes(32),
                 "a hash shorter": data[:-32], "first bit": bytes([data[0] ^ 128]) + data[1:], "last bit": data[:-1] + bytes([data[-1] ^ 1]),
                 "of another": good["tile/0/000" if name != "tile/0/000" else "tile/0/001"], "first removed": data[1:]}
        for what, changed in tries.items():
            files = {k: v for k, v in dict(good, **{name: changed}).items() if v is not None}
            differ.ask("%s: %s" % (name, what), files, expected=False)
        for kind in ("symlink", "directory link", "directory", "fifo", "socket to nowhere"):
            differ.ask("%s: a %s" % (name, kind), good, expected=False, prepare=lambda place: replace(place, name, kind))
    for name in good:
        for ending in (".p/3", ".p/2", ".p/1", ".p/256", ".p/0"):
            if name + ending not in good:
                differ.ask("also " + name + ending, dict(good, **{name + "x" + ending: b"nonsense"}), expected=True)
    stand_in(differ, log, good)
    for first in range(0, 512, 256):
        swapped = list(log)
        swapped[first + 5], swapped[first + 6] = swapped[first + 6], swapped[first + 5]
        differ.ask("entries exchanged", dict(export(swapped, KEY), checkpoint=good["checkpoint"]), expected=False)
    other = export(grow(513) + [PREFIX[2], PREFIX[3]], KEY)
    for name in good:
        files = dict(good, **{name: other[name]})
        differ.ask("%s of another log" % name, files, expected=other[name] == good[name])


def replace(place, name, kind):
    path = os.path.join(place, name)
    if kind == "directory link":
        parent = os.path.dirname(path)
        if parent == place:
            os.rename(path, path + "x")
            os.symlink(path + "x", path)
            return
        os.rename(parent, os.path.join(place, "moved"))
        os.symlink(os.path.join(place, "moved"), parent)
        return
    os.rename(path, os.path.join(place, "moved"))
    if kind == "symlink":
        os.symlink(os.path.join(place, "moved"), path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        os.symlink(os.path.join(place, "nowhere"), path)


def stand_in(differ, log, good):
    """Only a missing partial tile may be replaced by the full one, and what is behind its end means nothing."""
    longer = export(log + grow(1024)[515:], KEY)
    partial = [name for name in good if ".p/" in name]
    assert len(partial) == 3
    for name in partial:
        full = name.partition(".p/")[0]
        data = longer.get(full, good[name] + bytes(32 * 254))
        without = {k: v for k, v in good.items() if k != name}
        end = len(good[name])
        expected = {"whole": (data, True), "rest is zero": (data[:end] + bytes(len(data) - end), None), "a byte less": (data[:-1], None),
                    "a byte more": (data + b"\0", None), "exactly": (good[name], None), "a byte of ours less": (data[:end - 1], False),
                    "a bit of ours": (bytes([data[0] ^ 1]) + data[1:], False), "empty": (b"", False), "rest is long": (data[:end] + b"\xff" * 9000, None),
                    "a bit of the rest": (data[:-1] + bytes([data[-1] ^ 1]), True), "megabytes": (data + bytes(20000000), None)}
        for what, (bytes_, good_) in expected.items():
            differ.ask("%s for %s: %s" % (full, name, what), dict(without, **{full: bytes_}), expected=good_)
        differ.ask("%s beside a broken %s" % (full, name), dict(good, **{full: data, name: good[name][:-1]}), expected=False)
        differ.ask("%s, broken, beside %s" % (full, name), dict(good, **{full: b"x"}), expected=True)
        wider = name.partition(".p/")[0] + ".p/200"
        differ.ask("%s for %s" % (wider, name), dict(without, **{wider: data}), expected=False)
    files = dict(longer, checkpoint=good["checkpoint"])
    differ.ask("the tiles of a longer log", dict({k: v for k, v in good.items() if "tile/1" in k}, **files), expected=True)
    differ.ask("a smaller checkpoint, no partial tile of level 1", files, expected=False)


def large(differ):
    """More than 65536 entries: three levels, and names of tiles."""
    log = grow(65536 + 256 + 3)
    good = export(log, KEY)
    assert "tile/2/000.p/1" in good and "tile/1/001.p/1" in good and "tile/0/257.p/3" in good
    differ.ask("a large log", good, expected=True)
    for name in ("tile/2/000.p/1", "tile/1/001.p/1", "tile/1/000", "tile/0/256", "tile/0/100", "tile/0/257.p/3"):
        data = good[name]
        differ.ask("a large log, %s changed" % name, dict(good, **{name: data[:-1] + bytes([data[-1] ^ 1])}), expected=False)


# ---- Proofs ------------------------------------------------------------------------------------------------


def proofs(differ):
    """Proofs of every entry of small logs, and broken ones."""
    for size in (1, 2, 3, 5, 8, 13):
        log = (PREFIX + [entry("seal-layer", bytes=b"%d" % n) for n in range(9)])[:size]
        for n in range(size):
            good = forge.proof(log, n, KEY)
            differ.ask_proof("entry %d of %d" % (n, size), good, log[n], True)
            differ.ask_proof("another's entry", good, log[n - 1] if size > 1 else log[n] + b"x", False)
            differ.ask_proof("another index", good.replace(b"index %d" % n, b"index %d" % (n ^ 1)), log[n], False)
    good, leaf = forge.proof(log, 6, KEY), log[6]
    lines = good.split(b"\n")
    for i in range(len(lines)):
        for what, changed in (("without", lines[:i] + lines[i + 1:]), ("twice", lines[:i + 1] + lines[i:]), ("empty", lines[:i] + [b""] + lines[i + 1:]),
                              ("moved", lines[:i] + lines[i:i + 2][::-1] + lines[i + 2:]), ("with space", lines[:i] + [lines[i] + b" "] + lines[i + 1:]),
                              ("with CR", lines[:i] + [lines[i] + b"\r"] + lines[i + 1:])):
            data = b"\n".join(changed)
            if data != good and (what != "twice" or i != len(lines) - 2):
                differ.ask_proof("line %d %s" % (i, what), data, leaf, False)
    head, rest = good.split(b"\n", 1)
    for extra, expected in ((b"extra YWJj\n", True), (b"extra YWJj\nextra YWJj\n", False), (b"extra YWJ\n", False), (b"Extra YWJj\n", False), (b"extra \n", None),
                            (b"extra\n", False), (b"extra YWJjZB==\n", None), (b"extra " + base64.b64encode(bytes(3000)) + b"\n", None)):
        differ.ask_proof("%r" % extra[:20], head + b"\n" + extra + rest, leaf, expected)
    differ.ask_proof("extra after index", good.replace(b"index 6\n", b"index 6\nextra YWJj\n"), leaf, False)
    for index in (b"06", b"+6", b"-1", b"13", b"18446744073709551615", b"18446744073709551616", b"", b"6 "):
        differ.ask_proof("index %r" % index, good.replace(b"index 6", b"index " + index), leaf, False)
    differ.ask_proof("another version", good.replace(b"@v1", b"@v2"), leaf, False)
    differ.ask_proof("no entry", good, b"", False)
    differ.ask_proof("of a stranger", forge.proof(log, 6, NEXT), leaf, False)
    differ.ask_proof("of a key whose time is over", good, leaf, False, log_line(KEY.vkey, b"until", b"12"))
    odd = [b"no entry of layerseal's"] + log
    differ.ask_proof("a leaf that is no entry", forge.proof(odd, 0, KEY), odd[0], None)
    for size in (4096, 4097, 70000):
        differ.ask_proof("a leaf of %d bytes" % size, forge.proof([b"x" * size], 0, KEY), b"x" * size, None)
    rng = random.Random(4)
    for _ in range(150):
        data = mutated(rng, good)
        differ.ask_proof("mutated %r" % data, data, leaf, None if data != good else True)


# ---- Random mutations --------------------------------------------------------------------------------------

BYTES = b"\0\n\r \t-+.\\x/=09afAFz~\x7f\x80\xff"


def mutated(rng, data):
    """Some bytes changed, removed, added, repeated or exchanged."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2))):
        i, j = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        j = min(j, i + rng.choice((1, 2, 32, 100, len(data))))
        what = rng.randrange(6)
        if what == 0 and i < len(data):
            data[i] ^= 1 << rng.randrange(8)
        elif what == 1 and i < len(data):
            data[i] = rng.choice(BYTES)
        elif what == 2:
            del data[i:j]
        elif what == 3:
            data.insert(i, rng.choice(BYTES))
        elif what == 4:
            data[i:i] = data[i:j]
        else:
            data[i:j] = data[i:j][::-1]
    return bytes(data)


def mutated_log(rng, log):
    """Entries changed, moved, repeated, removed, mixed with each other; values of the same key go anywhere."""
    log = list(log)
    for _ in range(rng.choice((1, 1, 2, 3))):
        i, j = rng.randrange(len(log)), rng.randrange(len(log))
        what = rng.randrange(10)
        if what == 0:
            log[i] = mutated(rng, log[i])
        elif what == 1:
            del log[i]
        elif what == 2:
            log.insert(i, log[j])
        elif what == 3:
            log[i], log[j] = log[j], log[i]
        elif what == 4:
            log.append(log[j])
        elif what == 5:
            a, b = log[i].split(b"\n"), log[j].split(b"\n")
            log[i] = b"\n".join(a[:rng.randrange(len(a))] + b[rng.randrange(len(b)):])
        elif what == 6 and i:
            try:
                log.insert(i, state_entry(log[:i]))
            except check.Rejected:
                pass
        else:
            log[i] = mixed_value(rng, log, i)
        if not log:
            log = [b""]
    return log


def mixed_value(rng, log, i):
    """Entry i with the value of one line from another entry, or one that is odd."""
    pairs = [line.partition(b" ") for line in log[i].split(b"\n")]
    at = rng.randrange(len(pairs))
    values = [line.partition(b" ")[2] for e in log for line in e.split(b"\n") if line.startswith(pairs[at][0] + b" ")]
    values += [b"-", b"0", b"18446744073709551615", b"\\x2d", b"", OTHER]
    pairs[at] = pairs[at][0], pairs[at][1], rng.choice(values)
    return b"\n".join(b"".join(pair) for pair in pairs)


def random_logs(differ):
    """Logs with random mistakes, signed by the right key."""
    rng = random.Random(1)
    base = PREFIX + [entry("init", store=OTHER, graphroot=b"/two"), entry("seal-layer", store=OTHER), entry("key-add", vkey=NEXT.vkey),
                     entry("remeasure", layer=LAYER, tree=TREE), entry("seal-image", store=OTHER, image=IMAGE),
                     entry("seal-name", store=OTHER, name=b"n", image=IMAGE), entry("retire", id=LAYER)]
    base += [state_entry(base), entry("key-retire", vkey=NEXT.vkey), entry("anchor", anchor=b"tpm:", counter=b"2"),
             entry("retire", object=b"image", id=IMAGE), entry("seal-layer"), entry("seal-name", store=OTHER, name=b"m", image=IMAGE)]
    base += [state_entry(base), entry("seal-image", image=IMAGE)]
    both = TRUST + log_line(NEXT.vkey)
    differ.ask("the log that is mutated", export(base, KEY), both, True)
    for n in range(400):
        log = mutated_log(rng, base)
        signer = rng.choice((KEY, KEY, KEY, NEXT))
        differ.ask("random log %d: %r" % (n, [e for e in log if e not in base]), export([e[:65535] for e in log], signer), both)


def random_walks(differ):
    """Entries of random kinds about few objects, so that about half of the logs break no rule."""
    rng = random.Random(2)
    stores, ids, trees = (STORE, OTHER), (LAYER, IMAGE), (TREE, TREE[:-1] + b"0")
    vkeys = (NEXT.vkey, THIRD.vkey, KEY.vkey)

    def step(log):
        store, object_id = rng.choice(stores), rng.choice(ids)
        makes = {
            "init": lambda: entry("init", store=store, graphroot=rng.choice((b"/" + store, b"/x"))),
            "seal-layer": lambda: entry("seal-layer", store=store, layer=object_id, tree=rng.choice(trees)),
            "seal-image": lambda: entry("seal-image", store=store, image=object_id),
            "seal-name": lambda: entry("seal-name", store=store, name=rng.choice((b"n", b"m")), image=object_id),
            "retire": lambda: entry("retire", store=store, object=rng.choice((b"layer", b"image")), id=object_id),
            "purge": lambda: entry("purge", store=store),
            "seal-tree": lambda: entry("seal-tree", store=store, path=rng.choice((b"/a", b"/b"))),
            "retire-tree": lambda: entry("retire-tree", store=store, path=rng.choice((b"/a", b"/b"))),
            "build": lambda: entry("build", store=store),
            "alarm": lambda: entry("alarm", store=store, layer=object_id),
            "gap": lambda: entry("gap", store=store),
            "remeasure": lambda: entry("remeasure", store=store, layer=object_id, tree=rng.choice(trees)),
            "revoke": lambda: entry("revoke", digest=rng.choice(trees)),
            "unrevoke": lambda: entry("unrevoke", digest=rng.choice(trees)),
            "key-add": lambda: entry("key-add", vkey=rng.choice(vkeys)),
            "key-retire": lambda: entry("key-retire", vkey=rng.choice(vkeys)),
            "anchor": lambda: entry("anchor", anchor=rng.choice((b"a", b"b")), counter=b"%d" % rng.randrange(len(log) + 2)),
            "state": lambda: state_entry(log),
        }
        op = rng.choice([op for op in makes if not op.startswith("key") or rng.randrange(4) == 0])
        return makes[op]()

    for n in range(150):
        log, state = [], check.State()
        for _ in range(40):
            made = step(log)
            try:
                before = len(state.leaves)
                state.add(made)
            except check.Rejected:
                assert len(state.leaves) == before
                if rng.randrange(200):
                    continue
            log.append(made)
            if len(state.leaves) < len(log):
                break
        differ.ask("random walk %d" % n, export(log, KEY))


def random_files(differ):
    """A real export with random bytes changed, and its entries with random mistakes, signed again."""
    path, trust, key = differ.real
    rng = random.Random(3)
    signer = forge.signer_of_file(key)
    files = {}
    for directory, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                files[os.path.relpath(os.path.join(directory, name), path)] = file.read()
    with open(trust, "rb") as file:
        keys = file.read()
    differ.ask("the export itself", files, keys, True)
    size = int(files["checkpoint"].split(b"\n")[1])
    log = list(check.Export(path).entries(size))
    made = export(log, signer)
    names = sorted(files)
    for n in range(150):
        changed = dict(files)
        name = rng.choice(names)
        changed[name] = mutated(rng, files[name]) if rng.randrange(4) else files[rng.choice(names)]
        differ.ask("random bytes %d in %s" % (n, name), changed, keys, None if changed != files else True)
    differ.ask("signed again", made, keys, True)
    for n in range(150):
        new = mutated_log(rng, log)
        differ.ask("random entries %d: %r" % (n, [e for e in new if e not in log]), export([e[:65535] for e in new], signer), keys)


GROUPS = {f.__name__: f for f in (large, syntax_values, syntax_lines, order, checkpoints, signatures, trust_files, tiles, proofs, random_logs,
                                  random_walks, random_files)}


def main(program, work, group, *real):
    os.makedirs(work, mode=0o700, exist_ok=True)
    differ = Differ(program, work, *real)
    GROUPS[group](differ)
    return differ.end()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join("%s:%s" % (name, group.__doc__.splitlines()[0].rstrip(".")) for name, group in GROUPS.items()))
    else:
        sys.exit(main(*sys.argv[1:]))
