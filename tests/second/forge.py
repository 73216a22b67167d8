# SPDX-License-Identifier: Apache-2.0
"""Makes logs for the tests of ledger_check.py and layerseal: entries that may break any rule, the files of an
export, checkpoints and proofs signed with the right key."""
import base64
import hashlib
import os

import ledger_check as check

STORE, OTHER = b"0" * 31 + b"1", b"0" * 31 + b"2"
LAYER, IMAGE = b"a" * 64, b"b" * 64
TREE = b"sha256:" + b"c" * 64
SAMPLES = {
    "text": b"some\\x20text",
    "number": b"7",
    "digest": TREE,
    "id": LAYER,
    "print": b"d" * 32,
    "object": b"layer",
    "thing": b"file",
    "path": b"/some\\x20path",
    "tree": b"cache-mount",
    "file": b"manifest 7 " + TREE,
}


# A point of order 8.
TORSION = check.point_decode(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))


class Signer:
    """A secret key (RFC 8032, section 5.1.5); torsion makes a public key outside the subgroup."""

    def __init__(self, seed, name, torsion=0):
        digest = hashlib.sha512(seed).digest()
        self.scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.prefix, self.name, self.seed = digest[32:], name, seed
        self.public = plus_torsion(check.point_mul(self.scalar, check.BASE), torsion)
        self.hash = key_hash(name, self.public)
        self.vkey = vkey(name, self.public)

    def sign(self, data, plus=0, r=None, point=None, torsion=0):
        """plus adds multiples of the group order to S: another spelling; r, point, torsion replace and change R."""
        if r is None:
            r = int.from_bytes(hashlib.sha512(self.prefix + data).digest(), "little") % check.ORDER
        if point is None:
            point = plus_torsion(check.point_mul(r, check.BASE), torsion)
        h = int.from_bytes(hashlib.sha512(point + self.public + data).digest(), "little")
        s = (r + h * self.scalar) % check.ORDER + plus * check.ORDER
        return point + s.to_bytes(32, "little")

    def line(self, data, **how):
        return note_line(self.name, self.hash + self.sign(data, **how))


def plus_torsion(point, times):
    return check.point_encode(check.point_add(point, check.point_mul(times, TORSION)))


def signer_of_file(path):
    with open(path, "rb") as file:
        name, _, blob = file.read().strip().split(b"+", 4)[2:]
    return Signer(base64.b64decode(blob)[1:], name)


def key_hash(name, public, kind=b"\1"):
    return hashlib.sha256(name + b"\n" + kind + public).digest()[:4]


def vkey(name, public, kind=b"\1"):
    return b"+".join((name, key_hash(name, public, kind).hex().encode(), base64.b64encode(kind + public)))


def note_line(name, blob):
    return b"\xe2\x80\x94 " + name + b" " + base64.b64encode(blob) + b"\n"


def body(origin, size, root):
    return b"%s\n%d\n%s\n" % (origin, size, base64.b64encode(root))


def checkpoint(entries, *signers):
    text = body(signers[0].name, len(entries), check.root_hash([check.leaf_hash(e) for e in entries]))
    return text + b"\n" + b"".join(signer.line(text) for signer in signers)


def lines_of(op, store=STORE, **values):
    """The lines of an entry as pairs; values replace those of the samples, a list of them makes several lines."""
    pairs = [(b"op", op.encode()), (b"time", values.pop("time", b"1767225600")), (b"store", store)]
    for key, kind in check.LINES[op]:
        value = values.pop(key.replace("-", "_"), SAMPLES[kind.rstrip("?*~")])
        pairs += [(key.encode(), one) for one in (value if isinstance(value, list) else [value])]
    assert not values, values
    return pairs


def join(pairs):
    return b"layerseal/v1 entry\n" + b"".join(key + b" " + value + b"\n" for key, value in pairs)


def entry(op, store=STORE, **values):
    return join(lines_of(op, b"-" if op in check.WHOLE_LEDGER else store, **values))


def state_entry(entries, **changes):
    """The state entry that is right after these."""
    state = check.State()
    for one in entries:
        state.add(one)
    lines = state.counting()
    text = b"".join(b"%d %s\n" % (n, state.leaves[n].hex().encode()) for n in lines)
    values = {"snapshot": b"sha256:" + hashlib.sha256(text).hexdigest().encode(),
              "snapshot_bytes": b"%d" % len(text), "objects": b"%d" % len(lines)}
    values.update(changes)
    return entry("state", **values)


def export(entries, *signers):
    """The files of an export: path and bytes."""
    files = {"checkpoint": checkpoint(entries, *signers)}
    hashes = [check.leaf_hash(e) for e in entries]
    packed = [len(e).to_bytes(2, "big") + e for e in entries]
    for n in range(0, len(packed), 256):
        files[tile_name("entries", n // 256, len(packed))] = b"".join(packed[n:n + 256])
    for level in range(8):
        for n in range(0, len(hashes), 256):
            files[tile_name(level, n // 256, len(hashes))] = b"".join(hashes[n:n + 256])
        hashes = [check.root_hash(hashes[n:n + 256]) for n in range(0, len(hashes) // 256 * 256, 256)]
    return files


def tile_name(level, n, count):
    width = min(256, count - 256 * n)
    return check.tile_path(level, n) + (".p/%d" % width if width < 256 else "")


def write(path, files):
    for name, data in files.items():
        place = os.path.join(path, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(data)


def inclusion(hashes, n):
    """RFC 6962, section 2.1.1, as it is written there."""
    if len(hashes) <= 1:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if n < split:
        return inclusion(hashes[:split], n) + [check.root_hash(hashes[split:])]
    return inclusion(hashes[split:], n - split) + [check.root_hash(hashes[:split])]


def proof(entries, n, *signers):
    hashes = inclusion([check.leaf_hash(e) for e in entries], n)
    return (b"c2sp.org/tlog-proof@v1\nindex %d\n" % n + b"".join(base64.b64encode(h) + b"\n" for h in hashes)
            + b"\n" + checkpoint(entries, *signers))
