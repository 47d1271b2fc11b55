"""A second reader of the formats, written from docs/formats.md alone: verifies a folder of golden files.

Prints one JSON object: what it came to, or {"ok": false, "error": ...}. Ed25519 only; canonical JSON for the
integers and ASCII names that occur in the folder.
"""
import base64
import gzip
import hashlib
import hmac
import json
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Refused(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Refused(what)


def sha(data):
    return hashlib.sha256(data).digest()


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(b64u(data) == text, "base64url is not canonical")
    return data


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def canonical(data):
    value = json.loads(data)
    need(jcs(value) == data, "JSON is not canonical")
    return value


def thumbprint(jwk):
    return b64u(sha(jcs(jwk)))


def ed25519(x, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(x).verify(signature, message)
    except InvalidSignature:
        raise Refused("signature does not verify") from None


def jws(text, typ):
    """Section 1. @returns header, payload, signing input, signature."""
    segments = text.split(".")
    need(len(segments) == 3, "a compact JWS has three segments")
    header = canonical(unb64u(segments[0]))
    need(sorted(header) == ["alg", "kid", "typ"] and header["typ"] == typ, "protected header")
    return header, canonical(unb64u(segments[1])), f"{segments[0]}.{segments[1]}", unb64u(segments[2])


def statement(texts, typ, roots):
    """Section 2. @returns the payload."""
    kids, bodies, payload = [], set(), None
    for text in texts:
        header, payload, signed, signature = jws(text, typ)
        key = next((k for k in roots["keys"] if thumbprint(k) == header["kid"]), None)
        need(key is not None, "not a root key")
        ed25519(unb64u(key["x"]), signature, signed.encode())
        kids.append(header["kid"])
        bodies.add(signed.split(".")[1])
    need(kids == sorted(set(kids)), "kids ascend")
    need(len(bodies) == 1, "one payload")
    need(len(kids) >= roots["threshold"], "threshold")
    return payload


def genesis_of(data):
    """Section 3. @returns the fields and gen."""
    obj = canonical(data)
    fields = canonical(unb64u(obj["payload"]))
    texts = [f"{s['protected']}.{obj['payload']}.{s['signature']}" for s in obj["signatures"]]
    statement(texts, "stele-genesis+jwt", fields["roots"])
    return fields, b64u(sha(data))


def leaf_hash(entry):
    return sha(b"\0" + entry)


def grow(edge, size, leaves):
    """Section 11: the right edge, largest first, after more leaves."""
    edge = list(edge)
    for i, leaf in enumerate(leaves):
        node, index = leaf_hash(leaf), size + i
        while index % 2 == 1:
            node, index = sha(b"\1" + edge.pop() + node), (index - 1) // 2
        edge.append(node)
    return edge


def root_of(edge):
    if not edge:
        return sha(b"")
    node = edge[-1]
    for left in reversed(edge[:-1]):
        node = sha(b"\1" + left + node)
    return node


class Log:
    """Sections 8 and 9, as far as this folder goes."""

    def __init__(self, fields, gen):
        self.fields, self.gen = fields, gen
        self.config_hash, self.labels = gen, fields["labels"]
        self.number, self.hash, self.size, self.edge = -1, gen, 0, []
        self.heads, self.keys, self.final = {}, {}, False

    def certificates(self, statements):
        certs = {}
        for one in statements:
            cert = statement(one, "stele-cert+jwt", self.fields["roots"])
            need(cert["gen"] == self.gen and cert["kid"] == thumbprint(cert["jwk"]), "certificate")
            need(cert["kid"] not in certs, "one certificate a key")
            certs[cert["kid"]] = cert
        return certs

    def leaf_key(self, header, wtr, late, certs):
        cert = certs.get(header["kid"])
        need(cert and cert["use"] == "writer" and cert["writer"] == wtr["id"], "leaf key")
        status, final = self.keys.get(header["kid"], ("certified", None))
        need(status != "revoked", "leaf key is revoked")
        need(late == (status == "retired"), "late lists what retired keys signed")
        if late:
            need(wtr["boot"] == final["boot"] and wtr["seq"] <= final["seq"], "after the final entry")
        return cert

    def add(self, number, data):
        line, _, rest = data.partition(b"\n")
        need(len(data) <= self.fields["limits"]["batchBytes"], "limits")
        leaves = []
        while rest:
            length = int.from_bytes(rest[:2], "big")
            need(0 < length <= len(rest) - 2, "framing")
            leaves.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
        header, h, signed, signature = jws(line.decode(), "stele-batch+jwt")
        need(h["origin"] == self.fields["origin"] and h["gen"] == self.gen and h["number"] == number, "identity")
        certs = self.certificates(h["certs"])
        key = certs[header["kid"]]
        need(key["use"] == "writer" and key["writer"] == h["writer"]["id"], "header key")
        need(self.keys.get(header["kid"], ("certified",))[0] == "certified", "header key status")
        ed25519(unb64u(key["jwk"]["x"]), signature, signed.encode())
        need(not self.final, "final")
        need(h["previous"]["number"] == self.number and h["previous"]["sha256"] == self.hash, "previous")
        skipped = number - self.number - 1
        claimed = h["voids"] or {"first": self.number + 1, "count": 0}
        need(claimed["first"] == self.number + 1 and claimed["count"] == skipped, "voids")
        at = 0
        for section in h["sections"]:
            inside = leaves[at : at + section["count"]]
            framed = b"".join(len(x).to_bytes(2, "big") + x for x in inside)
            need(section["kind"] == "inline" and b64u(sha(framed)) == section["sha256"], "section")
            at += section["count"]
        need(at == len(leaves), "sections cover the leaves")
        edge = grow(self.edge, self.size, leaves)
        need(h["first"] == self.size and h["count"] == len(leaves), "position")
        need(h["size"] == self.size + len(leaves), "size")
        need(h["edge"] == [b64u(x) for x in edge] and h["root"] == b64u(root_of(edge)), "tree")
        entries = self.check_leaves(h, leaves, certs)
        self.number, self.hash, self.size, self.edge = number, b64u(sha(data)), h["size"], edge
        self.final = h["final"]
        for payload in entries:
            self.take_effect(payload)
        return h

    def check_leaves(self, h, leaves, certs):
        runs, control, ids, entries = [], [], set(), []
        for offset, leaf in enumerate(leaves):
            header, p, signed, signature = jws(leaf.decode(), "stele-entry+sd-jwt")
            wtr = p["wtr"]
            need(p["iss"] == h["origin"] and p["gen"] == self.gen, "leaf of another ledger")
            cert = self.leaf_key(header, wtr, offset in h["late"], certs)
            ed25519(unb64u(cert["jwk"]["x"]), signature, signed.encode())
            seq, prev = self.heads.get((wtr["id"], wtr["boot"]), (-1, self.gen))
            need(wtr["seq"] == seq + 1 and wtr["prev"] == prev, "chain")
            self.heads[(wtr["id"], wtr["boot"])] = (wtr["seq"], b64u(sha(signed.encode())))
            need(int(p["jti"].replace("-", "")[:12], 16) == p["at"], "time of the id")
            need(p["jti"] not in ids, "id twice")
            ids.add(p["jti"])
            if "ctl" in p:
                control.append(offset)
            if runs and (runs[-1]["writer"], runs[-1]["boot"]) == (wtr["id"], wtr["boot"]):
                runs[-1]["last"] = wtr["seq"]
            else:
                runs.append({"writer": wtr["id"], "boot": wtr["boot"], "first": wtr["seq"], "last": wtr["seq"]})
            entries.append(p)
        need(runs == h["runs"] and control == h["control"], "runs and control")
        return entries

    def take_effect(self, payload):
        ctl = payload.get("ctl", {})
        if payload["kind"] == "key":
            says = statement(ctl["statement"], "stele-key+jwt", self.fields["roots"])
            status = {"retire": "retired", "revoke": "revoked"}[says["act"]]
            self.keys[says["kid"]] = (status, says.get("final"))
        if payload["kind"] == "config":
            says = statement(ctl["statement"], "stele-config+jwt", self.fields["roots"])
            need(says["previous"] == self.config_hash, "config follows")
            self.config_hash = b64u(sha(jcs(says)))
            self.labels = says["set"].get("labels", self.labels)


def digest(disclosure):
    return b64u(sha(disclosure.encode()))


def open_full(record, payload, subject_keys):
    """Section 5: makes every disclosure again. @returns how many."""
    depths = dict(zip(("input", "result", "source"), map(int, payload["dsc"][2:].split("."))))
    parts = {name: record[name] for name in depths}
    stream_keys, sealed_at = [unb64u(record["key"])], {}
    for i, sealed in enumerate(record["sealed"]):
        head, _, iv, text, tag = sealed["jwe"].split(".")
        kid = json.loads(unb64u(head))["kid"]
        plain = AESGCM(subject_keys[kid]).decrypt(unb64u(iv), unb64u(text) + unb64u(tag), head.encode())
        opened = canonical(plain)
        stream_keys.append(unb64u(opened["key"]))
        for pointer, value in zip(sealed["pointers"], opened["values"]):
            steps = pointer[1:].split("/")
            at = parts
            for one in steps[:-1]:
                at = at[one]
            at[steps[-1]] = value
            sealed_at[pointer] = i + 1
    nodes = []

    def walk(name, value, levels, stream, pointer):
        stream = sealed_at.get(pointer, stream)
        node = {"name": name, "value": value, "stream": stream, "children": []}
        nodes.append(node)
        if levels > 0 and isinstance(value, dict) and value:
            node["children"] = [walk(k, value[k], levels - 1, stream, f"{pointer}/{k}") for k in sorted(value)]
        return node

    tops = [walk(name, parts[name], depths[name] - 1, 0, f"/{name}") for name in depths]
    counts = [0] * len(stream_keys)
    for node in nodes:
        node["k"] = counts[node["stream"]]
        counts[node["stream"]] += 1
    salts = []
    for stream, key in enumerate(stream_keys):
        seed = f"stele/salt/1\n{record['jti']}\n{stream}\n".encode() + key
        salts.append(hashlib.shake_256(seed).digest(16 * counts[stream]))
    for node in reversed(nodes):
        salt = b64u(salts[node["stream"]][16 * node["k"] : 16 * node["k"] + 16])
        value = node["value"]
        if node["children"]:
            value = {"_sd": sorted(child["digest"] for child in node["children"])}
        node["digest"] = digest(b64u(jcs([salt, node["name"], value])))
    need(sorted(top["digest"] for top in tops) == payload["_sd"], "full opening")
    return len(nodes)


def record_hmac(record, what, message):
    """Section 5: what the record says of bytes that it does not hold."""
    text = f"stele/{what}/1\n{record['jti']}\n".encode() + message
    return b64u(hmac.digest(unb64u(record["key"]), text, "sha256"))


def note(text, vkeys):
    """C2SP signed-note. @returns the signed text and the names that verified."""
    border = text.rindex("\n\n")
    body, names = text[: border + 1], []
    for line in text[border + 2 :].splitlines():
        _, name, signature = line.split(" ")
        raw = base64.b64decode(signature)
        for vkey in vkeys:
            vname, vid, key = vkey.split("+", 2)
            if (vname, vid) != (name, raw[:4].hex()):
                continue
            key = base64.b64decode(key)
            message = body.encode()
            if key[0] == 4:
                seconds = int.from_bytes(raw[4:12], "big")
                message = f"cosignature/v1\ntime {seconds}\n".encode() + message
            ed25519(key[1:], raw[-64:], message)
            names.append(name)
    return body, names


def included(entry, index, path, size, root):
    """RFC 9162 section 2.1.3.2."""
    fn, sn, node = index, size - 1, leaf_hash(entry)
    need(index < size, "beyond the tree")
    for p in path:
        need(sn > 0, "path too long")
        if fn % 2 == 1 or fn == sn:
            node = sha(b"\1" + p + node)
            while fn % 2 == 0 and fn > 0:
                fn, sn = fn // 2, sn // 2
        else:
            node = sha(b"\1" + node + p)
        fn, sn = fn // 2, sn // 2
    need(sn == 0 and node == root, "not included")


def verify(folder):
    read = lambda name: (folder / name).read_bytes()
    values = canonical(read("values.json"))
    fields, gen = genesis_of(read("genesis.json"))
    log = Log(fields, gen)
    headers = {n: log.add(n, read(f"batches/{n:020}")) for n in (0, 1, 4)}
    voids = canonical(read("voids.json"))
    need(b64u(sha(jcs(voids))) == headers[4]["voids"]["digest"], "voids digest")
    nodes = {}
    for name, number, stored, offset in (("event", 0, "first", 1), ("event-sealed", 1, "second", 0)):
        reference = headers[number]["payloads"][0]
        data = read(f"payloads/{stored}.ndjson.gz")
        need(b64u(sha(data)) == reference["sha256"] and len(data) == reference["size"], "payload object")
        members = reference["members"]
        at = max(i for i, (_, leaf) in enumerate(members) if leaf <= offset)
        end = members[at + 1][0] if at + 1 < len(members) else len(data)
        line = gzip.decompress(data[members[at][0] : end])
        record = canonical(line.rstrip(b"\n"))
        entry = jws(read(f"entries/{name}.jws").decode(), "stele-entry+sd-jwt")[1]
        need(entry["jti"] == record["jti"], "record of another entry")
        nodes[name] = open_full(record, entry, SubjectKeys(entry["jti"]))
        raw = None if record["sealed"] else record_hmac(record, "raw", read("raw/event.json"))
        need(record["source"]["raw_hmac"] == raw, "raw bytes")
    proof = read("proof.tlog-proof").decode()
    head, checkpoint = proof.split("\n\n", 1)
    first, index, *path = head.split("\n")
    need(first == "c2sp.org/tlog-proof@v1", "tlog-proof")
    body, names = note(checkpoint, [values["vkey"]])
    origin, size, root = body.split("\n")[:3]
    need(origin == fields["origin"] and origin in names, "checkpoint")
    decode = base64.b64decode
    included(read("entries/event.jws"), int(index[6:]), [decode(p) for p in path], int(size), decode(root))
    need(decode(root) == root_of(log.edge) and int(size) == log.size, "checkpoint of this log")
    cosigned = note(read("checkpoint.txt").decode(), [values["vkey"], values["witness"]])[1]
    return {
        "ok": True,
        "gen": gen,
        "size": log.size,
        "root": b64u(root_of(log.edge)),
        "labels": log.labels,
        "final": log.final,
        "nodes": nodes,
        "cosigned": len(cosigned),
    }


class SubjectKeys:
    """The keys of the golden sealed sets, by their key id: both belong to a name."""

    def __init__(self, jti):
        self.jti = jti

    def __getitem__(self, kid):
        for i in range(8):
            name = f"subject key {i} {self.jti}"
            if b64u(sha(f"stele golden {name}".encode())[:16]) == kid:
                return sha(f"stele golden {name} secret".encode())
        raise Refused("no such subject key")


try:
    print(json.dumps(verify(Path(sys.argv[1]))))
except (Refused, KeyError, ValueError, IndexError) as error:
    print(json.dumps({"ok": False, "error": re.sub(r"\s+", " ", str(error))}))
