/**
 * Verification of one entry, offline: its signature (RFC 7515), its place in the log (C2SP tlog-proof) and what was
 * disclosed of its record (RFC 9901). It takes evidence, of which nothing is believed, and anchors, which are.
 */
import { checkAgreement } from '../record/agreement.ts';
import { toBase64Url, utf8Bytes, utf8Text } from '../platform/bytes.ts';
import { openCheckpoint } from '../tree/checkpoint.ts';
import type { OpenedCheckpoint } from '../tree/checkpoint.ts';
import { checkControl } from '../ledger/ctl.ts';
import { parseEntry } from '../entry/entry.ts';
import type { Entry } from '../entry/entry.ts';
import { finding } from './findings.ts';
import { parseGenesis } from '../ledger/genesis.ts';
import type { Genesis } from '../ledger/genesis.ts';
import { hashLeaf } from '../tree/hash.ts';
import { algorithmOf, jwkThumbprint, parsePublicJwk, verifyJws } from '../json/jws.ts';
import type { PublicJwk } from '../json/jws.ts';
import { openDisclosures, parseSdJwt } from '../record/open-disclosures.ts';
import type { OpenedRecord } from '../record/open-disclosures.ts';
import { verifyInclusion } from '../tree/proof.ts';
import { proofDoesNotEstablish, proofEstablishes } from './proof-claims.ts';
import type { ProofClaims } from './proof-claims.ts';
import type {
  ProofAnchors,
  ProofEvidence,
  ProofExpectation,
  ProofReport,
} from './proof-evidence.ts';
import { checkFullOpening, parseRecord } from '../record/record.ts';
import { step, verdictOf } from './report.ts';
import type { Step, StepVerdict } from './report.ts';
import { isNewerFormat } from '../json/newer-format.ts';
import { caughtMalformed } from '../entry/schema.ts';
import { parseVkey, verifierOf } from '../tree/signed-note.ts';
import type { NoteVerifier } from '../tree/signed-note.ts';
import { parseCertificate } from '../ledger/statement.ts';
import type { Certificate } from '../ledger/statement.ts';
import type { JsonValue } from '../json/strict-json.ts';
import { parseTlogProof } from '../tree/tlog-proof.ts';
import type { TlogProof } from '../tree/tlog-proof.ts';

/** Steps without which a proof shows nothing. */
const NEEDED = ['entry', 'checkpoint', 'inclusion'];

/**
 * Verifies that an entry is in a log, step by step; never throws for anything in the evidence.
 *
 * @throws {@link MalformedError} for anchors that are malformed: those are the caller's own.
 */
export function verifyProof(
  evidence: ProofEvidence,
  anchors: ProofAnchors = {},
  expected: ProofExpectation = {},
): ProofReport {
  return new ProofVerification(evidence, anchors, expected).report();
}

class ProofVerification {
  readonly #evidence: ProofEvidence;
  readonly #anchors: ProofAnchors;
  readonly #expected: ProofExpectation;
  readonly #steps: Step[] = [];
  #entry: Entry | null = null;
  #disclosures: readonly string[] = [];
  #genesis: Genesis | null = null;
  #certificates: readonly Certificate[] = [];
  #proof: TlogProof | null = null;
  #checkpoint: OpenedCheckpoint | null = null;
  #opened: OpenedRecord | null = null;
  /** Whether the key of the checkpoint, and so all below it, hangs on an anchor. */
  #anchored = false;
  #witnessedMs: number | null = null;

  constructor(evidence: ProofEvidence, anchors: ProofAnchors, expected: ProofExpectation) {
    this.#evidence = evidence;
    this.#anchors = anchors;
    this.#expected = expected;
  }

  report(): ProofReport {
    const anchorKeys = readVerifiers(this.#anchors.vkeys ?? []);
    const witnesses = readVerifiers(this.#anchors.witnesses?.vkeys ?? []);
    this.#run('entry', () => this.#readEntry());
    this.#run('genesis', () => this.#checkGenesis());
    this.#run('certificates', () => this.#checkCertificates());
    this.#run('entry_signature', () => this.#checkSignature());
    this.#run('checkpoint', () => this.#checkCheckpoint(anchorKeys, witnesses));
    this.#run('witnesses', () => this.#checkWitnesses(witnesses));
    this.#run('inclusion', () => this.#checkInclusion());
    this.#run('disclosures', () => this.#checkDisclosures());
    this.#run('agreement', () => this.#checkAgreement());
    this.#run('full_opening', () => this.#checkFullOpening());
    const kind = this.#entry?.payload.kind ?? '';
    const unknown = this.#entry?.known === false;
    const findings = unknown ? [finding('unknown_kind', this.#place(), kind)] : [];
    return {
      verdict: verdictOf(this.#steps, findings, NEEDED, this.#anchored),
      steps: this.#steps,
      findings,
      establishes: proofEstablishes(this.#claims()),
      doesNotEstablish: proofDoesNotEstablish(this.#claims()),
      entry: this.#entry,
      opened: this.#opened,
      index: this.#proof?.index ?? null,
      size: this.#checkpoint?.checkpoint.size ?? null,
    };
  }

  #run(name: string, check: () => readonly [StepVerdict, string]): void {
    try {
      this.#steps.push(step(name, ...check()));
    } catch (error) {
      const malformed = caughtMalformed(error);
      // What a later version made is not wrong: this version cannot say.
      const verdict = isNewerFormat(malformed) ? 'unverifiable' : 'fail';
      this.#steps.push(step(name, verdict, `${malformed.code}: ${malformed.message}`));
    }
  }

  #readEntry(): readonly [StepVerdict, string] {
    const { entry, disclosures = [] } = this.#evidence;
    const text = typeof entry === 'string' ? entry : utf8Text(entry);
    const { jws, disclosures: own } = text.includes('~')
      ? parseSdJwt(text)
      : { jws: text, disclosures: [] };
    this.#disclosures = [...own, ...disclosures];
    const parsed = parseEntry(utf8Bytes(jws), checkControl);
    const { origin = parsed.payload.iss, jti = parsed.payload.jti } = this.#expected;
    if (parsed.payload.iss !== origin) return ['fail', `entry is of ${parsed.payload.iss}`];
    if (parsed.payload.jti !== jti) return ['fail', `entry is ${parsed.payload.jti}, want ${jti}`];
    this.#entry = parsed;
    return ['pass', `${parsed.payload.kind} ${parsed.payload.jti} of ${parsed.payload.iss}`];
  }

  #checkGenesis(): readonly [StepVerdict, string] {
    if (this.#entry === null) return nothing;
    const { gen, iss } = this.#entry.payload;
    if (this.#anchors.gen !== undefined && this.#anchors.gen !== gen) {
      return ['fail', `entry is of genesis ${gen}, want ${this.#anchors.gen}`];
    }
    if (this.#evidence.genesis === undefined) return ['not_checked', 'no genesis was given'];
    const genesis = parseGenesis(this.#evidence.genesis);
    if (genesis.gen !== gen) return ['fail', `genesis given is ${genesis.gen}, want ${gen}`];
    if (genesis.origin !== iss) return ['fail', `genesis is of ${genesis.origin}, want ${iss}`];
    this.#genesis = genesis;
    return ['pass', `genesis ${gen} of ${iss}`];
  }

  #checkCertificates(): readonly [StepVerdict, string] {
    const { certificates = [] } = this.#evidence;
    if (certificates.length === 0) return ['not_checked', 'no certificate was given'];
    if (this.#genesis === null) return ['unverifiable', 'certificates without their genesis'];
    const authority = this.#genesis;
    this.#certificates = certificates.map((statement) => parseCertificate(statement, authority));
    return ['pass', this.#certificates.map(({ use, kid }) => `${use} key ${kid}`).join(', ')];
  }

  #checkSignature(): readonly [StepVerdict, string] {
    if (this.#entry === null) return nothing;
    const { header, payload } = this.#entry;
    const certificate = this.#certificateOf(header.kid);
    if (certificate !== undefined) {
      if (certificate.use !== 'writer' || certificate.writer !== payload.wtr.id) {
        return ['fail', `key ${header.kid} is not certified for this writer`];
      }
      return this.#verified(certificate.jwk, 'certified by the root of genesis');
    }
    const keys = (this.#evidence.keys ?? []).map((jwk) =>
      parsePublicJwk(jwk as unknown as JsonValue),
    );
    const key = keys.find((jwk) => jwkThumbprint(jwk) === header.kid);
    if (key === undefined) return ['not_checked', `key ${header.kid} is not at hand`];
    return this.#verified(key, 'that nobody but its publisher vouches for');
  }

  #certificateOf(kid: string): Certificate | undefined {
    return this.#certificates.find((certificate) => certificate.kid === kid);
  }

  #verified(jwk: PublicJwk, how: string): readonly [StepVerdict, string] {
    const good = this.#entry !== null && verifyJws(this.#entry, jwk, algorithmOf(jwk));
    return [good ? 'pass' : 'fail', `by key ${jwkThumbprint(jwk)}, ${how}`];
  }

  #checkCheckpoint(
    anchorKeys: readonly NoteVerifier[],
    witnesses: readonly NoteVerifier[],
  ): readonly [StepVerdict, string] {
    this.#proof = parseTlogProof(this.#evidence.proof);
    if (this.#entry === null) return nothing;
    const { gen } = this.#entry.payload;
    const certified = this.#certificates.flatMap((certificate) =>
      certificate.use === 'checkpoint' ? [certificate.vkey] : [],
    );
    const byRoot = certified.length > 0 && this.#anchors.gen === gen;
    this.#anchored = anchorKeys.length > 0 || byRoot;
    const offered = [...certified, ...(byRoot ? [] : (this.#evidence.vkeys ?? []))];
    const keys = anchorKeys.length > 0 ? anchorKeys : readVerifiers(offered);
    if (keys.length === 0) return ['unverifiable', 'no key of the log is at hand'];
    const verifiers = withoutTwins([...keys, ...witnesses]);
    const opened = openCheckpoint(this.#proof.checkpoint, this.#entry.payload.iss, verifiers);
    this.#checkpoint = opened;
    const how = this.#anchored ? 'by a trusted key' : 'by a key that came with it';
    return ['pass', `size ${opened.checkpoint.size} of ${opened.checkpoint.origin}, signed ${how}`];
  }

  #checkWitnesses(witnesses: readonly NoteVerifier[]): readonly [StepVerdict, string] {
    const threshold = this.#anchors.witnesses?.threshold ?? 0;
    if (threshold === 0) return ['not_checked', 'no witness was asked for'];
    if (this.#checkpoint === null) return nothing;
    const cosigned = this.#checkpoint.verified.filter(({ name, id }) =>
      witnesses.some((witness) => witness.name === name && witness.id === id),
    );
    const names = new Set(cosigned.map(({ name }) => name));
    if (names.size < threshold) return ['fail', `${names.size} cosigned, want ${threshold}`];
    const times = cosigned.flatMap(({ timeMs }) =>
      timeMs === null || timeMs === 0 ? [] : [timeMs],
    );
    this.#witnessedMs = times.length === 0 ? null : Math.min(...times);
    return ['pass', `cosigned by ${[...names].sort().join(', ')}`];
  }

  #checkInclusion(): readonly [StepVerdict, string] {
    if (this.#entry === null || this.#proof === null || this.#checkpoint === null) return nothing;
    const { index, path } = this.#proof;
    const { checkpoint } = this.#checkpoint;
    if (this.#expected.index !== undefined && this.#expected.index !== index) {
      return ['fail', `proof is of index ${index}, want ${this.#expected.index}`];
    }
    const leaf = hashLeaf(this.#entry.bytes);
    const result = verifyInclusion({ leafIndex: index, path }, leaf, checkpoint);
    if (!result.ok) return ['fail', `leaf ${index} of ${checkpoint.size}: ${result.reason}`];
    return ['pass', `leaf ${index} of ${checkpoint.size}, root ${toBase64Url(checkpoint.root)}`];
  }

  #checkDisclosures(): readonly [StepVerdict, string] {
    if (this.#entry === null) return nothing;
    const disclosures = this.#disclosures;
    this.#opened = openDisclosures(this.#entry.payload, disclosures);
    if (this.#entry.payload._sd === undefined) return ['not_checked', 'entry has no record'];
    const { hidden } = this.#opened;
    const places = [...hidden.keys()].sort();
    const counts = places.map((at) => `${String(hidden.get(at))} hidden at ${at || '/'}`);
    const shown = `${disclosures.length} disclosed`;
    return ['pass', [shown, ...counts].join(', ')];
  }

  #checkAgreement(): readonly [StepVerdict, string] {
    if (this.#entry === null || this.#opened === null) return nothing;
    if (this.#disclosures.length === 0) return ['not_checked', 'nothing was disclosed'];
    const { payload } = this.#entry;
    // A `config` entry may have named another fallback class since: genesis alone can confirm one, but not refute it.
    const fallback =
      this.#genesis?.fallbackClass === payload.ret.class ? payload.ret.class : undefined;
    const agreement = checkAgreement(payload, this.#opened, fallback);
    const detail = agreement.details.map(({ fact, verdict }) => `${fact} ${verdict}`).join(', ');
    const verdicts = { agrees: 'pass', disagrees: 'fail', unverifiable: 'unverifiable' } as const;
    return [verdicts[agreement.verdict], detail];
  }

  #checkFullOpening(): readonly [StepVerdict, string] {
    if (this.#entry === null) return nothing;
    if (this.#evidence.record === undefined) return ['not_checked', 'no record was given'];
    const record = parseRecord(this.#evidence.record);
    const opening = checkFullOpening(this.#entry.payload, record);
    if (!opening.ok) return ['fail', opening.reason];
    const sealed = record.sealed.length;
    return sealed === 0
      ? ['pass', 'every digest was rebuilt from the record']
      : ['unverifiable', `${sealed} sealed sets are not open; all other digests were rebuilt`];
  }

  #place(): { index?: number } {
    return this.#proof === null ? {} : { index: this.#proof.index };
  }

  #claims(): ProofClaims {
    const { checkpoint } = this.#checkpoint ?? {};
    const passed = this.#steps.filter(({ verdict }) => verdict === 'pass');
    return {
      passed: new Set(passed.map(({ name }) => name)),
      anchored: this.#anchored,
      certified: this.#certificateOf(this.#entry?.header.kid ?? '') !== undefined,
      origin: checkpoint?.origin ?? '',
      size: checkpoint?.size ?? 0,
      index: this.#proof?.index ?? 0,
      witnessedMs: this.#witnessedMs,
      disclosed: this.#disclosures.length,
      hidden: [...(this.#opened?.hidden.values() ?? [])].reduce((sum, count) => sum + count, 0),
    };
  }
}

const nothing = ['not_checked', 'a step before it failed'] as const;

function readVerifiers(vkeys: readonly string[]): NoteVerifier[] {
  return vkeys.map((vkey) => verifierOf(parseVkey(vkey)));
}

/** One verifier a key: a key can be offered twice. */
function withoutTwins(verifiers: readonly NoteVerifier[]): NoteVerifier[] {
  return [...new Map(verifiers.map((one) => [`${one.name}+${one.id}`, one])).values()];
}
