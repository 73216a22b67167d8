#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check an export of a layerseal ledger, or a proof, from public keys alone.

    ledger_check.py --trust FILE DIR                 an export, as of layerseal ledger export
    ledger_check.py --trust FILE --proof PROOF ENTRY a tlog-proof and the bytes of its entry

Exit status 0: good, 3: not to be believed, 2: usage. Written from layerseal-ledger(5) alone, and shares no
code with layerseal: what the two disagree about is a bug in one of them, or in the manual. Names of sections
below are those of the manual.
"""
import base64
import binascii
import errno
import functools
import hashlib
import os
import stat
import sys


class Rejected(Exception):
    """A rule of the manual that was broken."""


def need(condition, *words):
    if not condition:
        raise Rejected(" ".join(str(word) for word in words))


def sha256(data):
    return hashlib.sha256(data).digest()


# ---- Ed25519 (RFC 8032, section 5.1), points in extended coordinates -------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def point_add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_mul(scalar, p):
    q = NEUTRAL
    while scalar:
        if scalar & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        scalar >>= 1
    return q


def point_encode(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point_decode(data):
    """None if the bytes are no point, or another spelling of one."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache
def point_for_key(data):
    p = point_decode(data)
    need(p is not None, "public key is not canonical or not on the curve")
    need(min(p[:2]) >= 2**192, "public key has a short coordinate")
    need(point_encode(point_mul(8, p)) != point_encode(NEUTRAL), "public key is of small order")
    return p


def signature_is_good(public, signature, text):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(r + public + text).digest(), "little")
    minus_a = (P - point_for_key(public)[0],) + point_for_key(public)[1:3]
    minus_a += (minus_a[0] * minus_a[1] % P,)
    return point_encode(point_add(point_mul(s, BASE), point_mul(h, minus_a))) == r


# ---- Values: each has one spelling ------------------------------------------------------------------------

DIGITS = b"0123456789abcdef"


def is_hex(value, length):
    return len(value) == length and all(c in DIGITS for c in value)


def number(value, what, limit=2**64):
    need(value.isdigit() and (value == b"0" or value[:1] != b"0") and len(value) <= 20, what, "is no number")
    need(int(value) < limit, what, "is too large")
    return int(value)


def unbase64(value, what):
    try:
        data = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Rejected(what + " is not base64") from None
    need(base64.b64encode(data) == value, what, "is another spelling of its base64")
    return data


def text(value, what):
    out, i = bytearray(), 0
    while i < len(value):
        c = value[i]
        if c == 0x5C:
            need(value[i + 1:i + 2] == b"x" and is_hex(value[i + 2:i + 4], 2), what, "has a wrong escape")
            c = int(value[i + 2:i + 4], 16)
            plain = 0x21 <= c <= 0x7E and c != 0x5C
            need(c != 0 and (not plain or value == b"\\x2d"), what, "has a needless escape")
            i += 3
        else:
            need(0x21 <= c <= 0x7E, what, "has a byte that is not escaped")
        out.append(c)
        i += 1
    need(out and value != b"-", what, "is no text")
    return bytes(out)


def hexadecimal(value, what, length):
    need(is_hex(value, length), what, "is not", length, "digits")
    return value


def digest(value, what):
    need(value[:7] == b"sha256:" and is_hex(value[7:], 64), what, "is no digest")
    return value


def path(value, what):
    need(value[:1] == b"/", what, "is not absolute")
    return text(value, what)


def one_of(value, what, *words):
    need(value in words, what, "is none of", words)
    return value


def file_line(value, what):
    words = value.split(b" ")
    need(len(words) == 3, what, "is not name, bytes and digest")
    return text(words[0], what), number(words[1], what), digest(words[2], what)


KINDS = {
    "text": text,
    "number": number,
    "digest": digest,
    "id": lambda value, what: hexadecimal(value, what, 64),
    "print": lambda value, what: hexadecimal(value, what, 32),
    "object": lambda value, what: one_of(value, what, b"layer", b"image"),
    "thing": lambda value, what: one_of(value, what, b"layer", b"image", b"container", b"name", b"file", b"cache-mount"),
    "path": path,
    "tree": lambda value, what: one_of(value, what, b"cache-mount"),
    "file": file_line,
}

# ---- Entries: "?" after a kind: or none; "~": or no line; "*": any number --------------------------------------

LINES = {
    "init": "graphroot text, runroot text, driver text, imagestore text?, statprint-key digest?, additional text*,"
            " user text~, uids text~, gids text~",
    "seal-layer": "layer id, parent id?, diff-id digest, diff-size number, record digest, created text, link text?,"
                  " tar-split digest, tree digest, manifest-bytes number, entries number, bytes number, file file*,"
                  " statprint print?, scrub print~, reason text?",
    "seal-image": "image id, layer id?, record digest, file file*, reason text?",
    "seal-name": "name text, image id, reason text?",
    "seal-tree": "kind tree, path path, tree digest, manifest-bytes number, entries number, bytes number,"
                 " statprint print?, scrub print~, reason text?",
    "retire-tree": "kind tree, path path, reason text?",
    "retire": "object object, id id, reason text?",
    "remeasure": "layer id, tree digest, statprint print, scrub print~",
    "purge": "object thing, id text, bytes number, quarantine text?, reason text",
    "build": "engine text, status number, user number, began number, result id?, containerfile digest?, sealed number,"
             " base id*, argument text*, left-out number",
    "alarm": "class text, layer text?, image text?, path text?, expected text?, found text?, pid number?, uid number?,"
             " program text?, left-out number",
    "gap": "kind text, count number",
    "key-add": "vkey text, reason text?",
    "key-retire": "vkey text, reason text?",
    "revoke": "digest digest, reason text",
    "unrevoke": "digest digest, reason text",
    "anchor": "anchor text, counter number",
    "state": "snapshot digest, snapshot-bytes number, objects number",
}
LINES = {op: [pair.split() for pair in pairs.split(", ")] for op, pairs in LINES.items()}
WHOLE_LEDGER = ("key-add", "key-retire", "anchor", "revoke", "unrevoke", "state")


def parse_entry(data):
    """A dictionary of what the lines say; lines of which there may be several are lists."""
    need(len(data) <= 4096, "entry is too long")
    need(data.endswith(b"\n"), "entry does not end in a line feed")
    lines = data[:-1].split(b"\n")
    need(lines.pop(0) == b"layerseal/v1 entry", "entry is not of version layerseal/v1")

    def line(key):
        need(lines and lines[0].startswith(key.encode() + b" "), "line", key, "is missing")
        return lines.pop(0)[len(key) + 1:]

    op = line("op").decode("latin-1")
    need(op in LINES, "unknown op", op)
    entry = {"op": op, "time": number(line("time"), "time", 2**63), "store": line("store")}
    if op in WHOLE_LEDGER:
        need(entry["store"] == b"-", "entry about the whole ledger names a store")
    else:
        hexadecimal(entry["store"], "store", 32)
    for key, kind in LINES[op]:
        parse = KINDS[kind.rstrip("?*~")]
        if kind.endswith("*"):
            entry[key] = []
            while lines and lines[0].startswith(key.encode() + b" "):
                entry[key].append(parse(line(key), key))
            continue
        if kind.endswith("~") and not (lines and lines[0].startswith(key.encode() + b" ")):
            entry[key] = None
            continue
        value = line(key)
        entry[key] = None if kind.endswith("?") and value == b"-" else parse(value, key)
    need(not lines, "something follows the last line")
    need(op != "init" or len({entry[key] is None for key in ("user", "uids", "gids")}) == 1,
         "user, uids and gids belong together")
    names = [name for name, _, _ in entry.get("file", [])]
    need(all(a < b for a, b in zip(names, names[1:])), "files are not in the order of their names")
    return entry


# ---- Keys and checkpoints, Trust ---------------------------------------------------------------------------

NAME_CHARACTERS = b"abcdefghijklmnopqrstuvwxyz0123456789./_-"


def key_name(value):
    need(1 <= len(value) <= 200 and all(c in NAME_CHARACTERS for c in value) and value[:1].isalnum(),
         "a key has no such name")
    return value


class Key:
    """A vkey, and the sizes that the trust file lets it sign."""

    def __init__(self, vkey, first=0, last=2**64 - 1):
        parts = vkey.split(b"+", 2)
        need(len(parts) == 3, "vkey is not NAME+HASH+BASE64")
        self.vkey, self.name, self.first, self.last = vkey, key_name(parts[0]), first, last
        blob = unbase64(parts[2], "vkey")
        need(len(blob) == 33 and blob[0] == 1, "vkey is not of an Ed25519 key")
        self.public = blob[1:]
        self.hash = sha256(self.name + b"\n" + blob)[:4]
        need(parts[1] == self.hash.hex().encode(), "hash of the vkey is not that of its key")
        point_for_key(self.public)


def read_trust(path):
    """The log keys of a trust file."""
    for place in (path, os.path.dirname(path) or "."):
        found = os.stat(place)
        writable = found.st_mode & 0o022 and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX)
        need(found.st_uid in (0, os.geteuid()) and not writable, place, "can be written by others")
    with open(path, "rb") as file:
        content = file.read()
    need(len(content) <= 65536 and b"\0" not in content, "trust file is too long or has a NUL")
    keys, witnesses = [], 0
    for line in content.split(b"\n"):
        words = line.split(b" ")
        if line == b"" or line.startswith(b"#"):
            continue
        if words[0] == b"witness":
            need(len(words) == 3, "witness line is not NAME VKEY")
            key_name(words[1])
            Key(words[2])
            witnesses += 1
            continue
        need(words.pop(0) == b"log" and words, "line of the trust file is unknown")
        vkey, bounds = words.pop(0), {b"from": 0, b"until": 2**64 - 1}
        for word in (b"from", b"until"):
            if words[:1] == [word]:
                need(len(words) > 1, "bound has no number")
                bounds[word] = number(words[1], "bound of a key")
                del words[:2]
        need(not words, "line of the trust file has more words")
        need(bounds[b"from"] <= bounds[b"until"], "bounds of a key leave nothing")
        keys.append(Key(vkey, bounds[b"from"], bounds[b"until"]))
    need(1 <= len(keys) <= 64 and witnesses <= 64, "trust file has no log key, or too many")
    need(len({key.name for key in keys}) == 1, "log keys have different names")
    need(len({key.vkey for key in keys}) == len(keys), "a log key is there twice")
    return keys


def is_utf8(data):
    try:
        return data.decode() is not None
    except UnicodeDecodeError:
        return False


class Checkpoint:
    """A signed note; signers are the keys that signed it and that the trust file lets sign its size."""

    def __init__(self, data, keys):
        need(len(data) <= 16384, "checkpoint is too long")
        need(is_utf8(data) and all(c >= 0x20 and c != 0x7F or c == 0x0A for c in data), "checkpoint is no text")
        body, middle, signatures = data.rpartition(b"\n\n")
        need(middle and signatures.endswith(b"\n"), "checkpoint is no signed note")
        lines = body.split(b"\n")
        need(len(lines) == 3, "checkpoint has not three lines")
        need(lines[0] == keys[0].name, "checkpoint is of another log")
        self.size = number(lines[1], "size")
        self.root = unbase64(lines[2], "root hash")
        need(len(self.root) == 32, "root hash is not of 32 bytes")
        self.signers = []
        signatures = signatures[:-1].split(b"\n")
        need(len(signatures) <= 64, "too many signatures")
        for line in signatures:
            self.signature(line, body + b"\n", keys)
        need(self.signers, "no trusted key that may sign this size has signed the checkpoint")

    def signature(self, line, signed, keys):
        words = line.split(b" ")
        need(len(words) == 3 and words[0] == "\u2014".encode(), "signature line is none")
        need(words[1] and not any(c.isspace() or c == "+" for c in words[1].decode()), "signature of no name")
        blob = unbase64(words[2], "signature")
        need(len(blob) > 4, "signature is too short")
        for key in keys:
            if (key.name, key.hash) != (words[1], blob[:4]) or not key.first <= self.size <= key.last:
                continue
            need(signature_is_good(key.public, blob[4:], signed), "a trusted key has a wrong signature")
            self.signers.append(key)


# ---- Merkle tree -------------------------------------------------------------------------------------------


def leaf_hash(entry):
    return sha256(b"\0" + entry)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


def root_hash(leaves):
    """RFC 6962 splits at the largest power of two; from the leaves up that is: a last one alone moves up."""
    if not leaves:
        return sha256(b"")
    while len(leaves) > 1:
        odd = leaves[-1:] if len(leaves) % 2 else []
        leaves = [node_hash(leaves[i], leaves[i + 1]) for i in range(0, len(leaves) - 1, 2)] + odd
    return leaves[0]


# ---- Order of entries, Snapshots ---------------------------------------------------------------------------


class State:
    """What the entries so far say."""

    def __init__(self):
        self.leaves = []
        self.counts = dict.fromkeys(LINES, 0)
        self.stores = {}   # id: number of the init, graphroot
        self.sealed = {}   # (kind, store, id): number of the seal, tree, number of the remeasure or None
        self.names = {}    # (store, name): number, image
        self.leading = {}  # (store, image): names that lead to it
        self.added = {}    # vkey: number
        self.retired = {}  # vkey: number
        self.revoked = {}  # digest: number
        self.anchors = {}  # name: number, counter

    def add(self, data):
        entry = parse_entry(data)
        op = entry["op"]
        store = entry["store"]
        need(op == "init" or store == b"-" or store in self.stores, "store has no init before")
        getattr(self, "op_" + op.replace("-", "_"))(entry, store, len(self.leaves))
        self.counts[op] += 1
        self.leaves.append(leaf_hash(data))

    def op_init(self, entry, store, n):
        for other, (_, graphroot) in self.stores.items():
            need(other == store or graphroot != entry["graphroot"], "graphroot is that of another store")
        self.stores[store] = n, entry["graphroot"]

    def op_seal_layer(self, entry, store, n):
        self.sealed["layer", store, entry["layer"]] = n, entry["tree"], None

    def op_seal_image(self, entry, store, n):
        self.sealed["image", store, entry["image"]] = n, None, None

    def op_seal_name(self, entry, store, n):
        need(("image", store, entry["image"]) in self.sealed, "image of the name is not sealed")
        name = store, entry["name"]
        if name in self.names:
            self.leading[store, self.names[name][1]].discard(name)
        self.names[name] = n, entry["image"]
        self.leading.setdefault((store, entry["image"]), set()).add(name)

    def op_seal_tree(self, entry, store, n):
        self.sealed["tree", store, entry["path"]] = n, None, None

    def op_retire_tree(self, entry, store, n):
        need(self.sealed.pop(("tree", store, entry["path"]), None), "what is retired is not sealed")

    def op_retire(self, entry, store, n):
        kind = entry["object"].decode()
        need(self.sealed.pop((kind, store, entry["id"]), None), "what is retired is not sealed")
        if kind == "image":
            for name in self.leading.pop((store, entry["id"]), ()):
                del self.names[name]

    def op_remeasure(self, entry, store, n):
        key = "layer", store, entry["layer"]
        need(key in self.sealed, "what is remeasured is not sealed")
        need(self.sealed[key][1] == entry["tree"], "tree is not that of the seal")
        self.sealed[key] = self.sealed[key][:2] + (n,)

    def op_purge(self, entry, store, n):
        pass

    def op_build(self, entry, store, n):
        pass

    def op_alarm(self, entry, store, n):
        pass

    def op_gap(self, entry, store, n):
        pass

    def op_key_add(self, entry, store, n):
        Key(entry["vkey"])
        need(entry["vkey"] not in self.added and entry["vkey"] not in self.retired, "key was there before")
        self.added[entry["vkey"]] = n

    def op_key_retire(self, entry, store, n):
        Key(entry["vkey"])
        need(entry["vkey"] not in self.retired, "key was retired before")
        self.retired[entry["vkey"]] = n

    def op_revoke(self, entry, store, n):
        need(entry["digest"] not in self.revoked, "digest was revoked before")
        self.revoked[entry["digest"]] = n

    def op_unrevoke(self, entry, store, n):
        need(entry["digest"] in self.revoked, "digest is not revoked")
        del self.revoked[entry["digest"]]

    def op_anchor(self, entry, store, n):
        need(entry["counter"] > self.anchors.get(entry["anchor"], (0, -1))[1], "counter of the anchor is not larger")
        self.anchors[entry["anchor"]] = n, entry["counter"]

    def op_state(self, entry, store, n):
        lines = self.counting()
        snapshot = b"".join(b"%d %s\n" % (i, self.leaves[i].hex().encode()) for i in lines)
        need(entry["objects"] == len(lines), "snapshot has another number of lines")
        need(entry["snapshot-bytes"] == len(snapshot), "snapshot has another length")
        need(entry["snapshot"] == b"sha256:" + sha256(snapshot).hex().encode(), "snapshot has another digest")

    def counting(self):
        """The numbers of the entries that count."""
        numbers = {n for table in (self.stores, self.names, self.anchors) for n, _ in table.values()}
        for seal, _, remeasure in self.sealed.values():
            numbers |= {seal} if remeasure is None else {seal, remeasure}
        numbers |= set(self.revoked.values())
        return sorted(numbers | set(self.added.values()) | set(self.retired.values()))

    def lets_sign(self, key, size):
        return size > self.added.get(key.vkey, -1) and size <= self.retired.get(key.vkey, 2**64) + 1


# ---- Reading an export -------------------------------------------------------------------------------------


def tile_path(level, n):
    digits = str(n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    return "/".join(["tile", str(level)] + ["x" + group for group in groups[:-1]] + groups[-1:])


class Export:
    def __init__(self, path):
        self.root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def read(self, path):
        """The bytes of a regular file below the export, without following symbolic links; None if there is none."""
        parts = path.split("/")
        directory = os.dup(self.root)
        try:
            for i, part in enumerate(parts):
                flags = os.O_NONBLOCK if i == len(parts) - 1 else os.O_DIRECTORY
                below = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | flags, dir_fd=directory)
                os.close(directory)
                directory = below
            need(stat.S_ISREG(os.fstat(directory).st_mode), path, "is no regular file")
            with open(directory, "rb", closefd=False) as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise
            raise Rejected(path + " is reached through a symbolic link or what is no directory") from None
        finally:
            os.close(directory)

    def tile(self, level, n, width):
        """The bytes of a tile, and whether the full one stands in for the partial one."""
        path = tile_path(level, n)
        data, stands_in = None, False
        if width < 256:
            data = self.read("%s.p/%d" % (path, width))
            stands_in = data is None
        if data is None:
            data = self.read(path)
        need(data is not None, path, "is not there")
        return data, stands_in, path

    def hashes(self, level, count):
        """All hashes of a level."""
        out = []
        for n in range(-(-count // 256)):
            width = min(256, count - 256 * n)
            data, stands_in, path = self.tile(level, n, width)
            need(len(data) == 32 * (256 if stands_in else width), path, "has a wrong length")
            out += [data[i:i + 32] for i in range(0, 32 * width, 32)]
        return out

    def entries(self, count):
        for n in range(-(-count // 256)):
            width = min(256, count - 256 * n)
            data, stands_in, path = self.tile("entries", n, width)
            for _ in range(width):
                length = int.from_bytes(data[:2], "big")
                need(len(data) >= 2 + length, path, "ends early")
                yield data[2:2 + length]
                data = data[2 + length:]
            need(stands_in or not data, path, "has more than its entries")
            need(len(data) <= (256 - width) * 4098, path, "is longer than any full tile")


def check_export(path, keys):
    export = Export(path)
    note = export.read("checkpoint")
    need(note is not None, "there is no checkpoint")
    checkpoint = Checkpoint(note, keys)
    below = None
    for level in range(8):
        count = checkpoint.size >> 8 * level
        hashes = export.hashes(level, count)
        if below is None:
            leaves = hashes
            need(root_hash(leaves) == checkpoint.root, "hashes of level 0 do not make the root hash")
        else:
            for i, found in enumerate(hashes):
                need(found == root_hash(below[256 * i:256 * i + 256]), "hash", i, "of level", level, "is wrong")
        below = hashes
    state = State()
    for n, entry in enumerate(export.entries(checkpoint.size)):
        need(leaf_hash(entry) == leaves[n], "entry", n, "is not that of its hash")
        try:
            state.add(entry)
        except Rejected as why:
            raise Rejected("entry %d: %s" % (n, why)) from None
    signers = [key for key in keys if key in checkpoint.signers and state.lets_sign(key, checkpoint.size)]
    need(signers, "the entries do not let the key sign this size")
    return checkpoint, state, signers[0]


# ---- Proofs ------------------------------------------------------------------------------------------------


def check_proof(data, entry, keys):
    parse_entry(entry)
    head, middle, note = data.partition(b"\n\n")
    need(middle, "proof has no checkpoint")
    lines = head.split(b"\n")
    need(lines.pop(0) == b"c2sp.org/tlog-proof@v1", "this is no proof")
    if lines and lines[0].startswith(b"extra "):
        unbase64(lines.pop(0)[6:], "extra data")
    need(lines and lines[0].startswith(b"index "), "proof has no index")
    index = number(lines.pop(0)[6:], "index")
    hashes = [unbase64(line, "hash") for line in lines]
    need(all(len(one) == 32 for one in hashes), "hash is not of 32 bytes")
    checkpoint = Checkpoint(note, keys)
    need(index < checkpoint.size, "index is not below the size")
    found, n, last = leaf_hash(entry), index, checkpoint.size - 1
    while last:
        if n % 2 or n < last:
            need(hashes, "proof has too few hashes")
            found = node_hash(hashes.pop(0), found) if n % 2 else node_hash(found, hashes.pop(0))
        n, last = n // 2, last // 2
    need(not hashes, "proof has too many hashes")
    need(found == checkpoint.root, "entry and proof do not make the root hash")
    return checkpoint, index


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--trust":
        checkpoint, state, key = check_export(arguments[2], read_trust(arguments[1]))
        counts = ", ".join("%d %s" % (n, op) for op, n in state.counts.items() if n)
        print("size %d\nroot %s\nkey %s\nentries %s\nthat count %d" % (
            checkpoint.size, checkpoint.root.hex(), key.hash.hex(), counts, len(state.counting())))
    elif len(arguments) == 5 and arguments[0] == "--trust" and arguments[2] == "--proof":
        with open(arguments[3], "rb") as proof, open(arguments[4], "rb") as entry:
            checkpoint, index = check_proof(proof.read(), entry.read(), read_trust(arguments[1]))
        print("entry %d of %d\nroot %s" % (index, checkpoint.size, checkpoint.root.hex()))
    else:
        sys.exit(__doc__.partition("\n\n")[2].partition("\n\n")[0])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Rejected, OSError) as why:
        print("ledger_check: not to be believed: %s" % why, file=sys.stderr)
        sys.exit(3)
    except SystemExit as why:
        print(why, file=sys.stderr)
        sys.exit(2)
