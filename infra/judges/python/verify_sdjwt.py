"""Judges one SD-JWT presentation with libraries that this project did not write.

usage: verify_sdjwt.py PRESENTATION KEYS

PRESENTATION holds <issuer-signed JWT>~<disclosure>~...~ and KEYS one JWK or a JWK set. Prints one JSON object:
the protected header, the payload with every disclosed value in its place, and how many disclosures there were.
Exit code 0 when the presentation verifies, 1 when it is refused, 2 on wrong usage.
"""

import json
import sys
from pathlib import Path

from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier


class Judge(SDJWTVerifier):
    """The library's verifier, with one rule of RFC 9901 section 7.1 that it leaves out."""

    def disclosed(self):
        """Returns the payload with what was disclosed in it, and the number of disclosures."""
        payload = self.get_verified_payload()
        unused = set(self._hash_to_decoded_disclosure) - set(self._duplicate_hash_check)
        # Step 5: a disclosure that no digest refers to. The library only drops it, so an altered one would pass.
        if unused:
            raise ValueError(f"{len(unused)} disclosures have no digest in the signed payload")
        return payload, len(self._input_disclosures)


def key_finder(keys):
    """Returns the library's call-back: the published key that the header names by its RFC 7638 thumbprint."""
    header_seen = {}

    def find(_issuer, header):
        header_seen.update(header)
        for candidate in keys:
            key = JWK(**candidate)
            if header.get("kid") in (candidate.get("kid"), key.thumbprint()):
                return key
        raise ValueError(f"no published key has the id {header.get('kid')}")

    return find, header_seen


def verify(presentation, document):
    """Verifies a presentation against a JWK or JWK set, as a dictionary that can be printed."""
    find, header = key_finder(document.get("keys", [document]))
    judge = Judge(presentation, find)
    payload, disclosures = judge.disclosed()
    return {"ok": True, "header": header, "payload": payload, "disclosures": disclosures}


def main(arguments):
    """Runs the program; returns its exit code."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    presentation = Path(arguments[0]).read_text(encoding="ascii").strip()
    document = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    try:
        answer = verify(presentation, document)
    except Exception as refusal:  # Whatever the libraries raise is a refusal; nothing is judged valid by accident.
        answer = {"ok": False, "error": f"{type(refusal).__name__}: {refusal}"}
    print(json.dumps(answer, ensure_ascii=False))
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
