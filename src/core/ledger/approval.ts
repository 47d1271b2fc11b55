/**
 * Approvals of a change of policy: who says that this very bundle may follow on that very policy of this very ledger,
 * once. Approvers and authors are certified by the root keys, each key for one person, so whoever has the log can judge
 * an activation from it alone. `docs/formats.md`, "Approvals"; `docs/decisions/0008-*`.
 */
import { z } from 'zod';
import { sha256Base64Url } from '#platform';
import { MalformedError } from '../errors.ts';
import { parseJws, signJws, verifyJws } from '../json/jws.ts';
import type { JwsSigner, ParsedJws } from '../json/jws.ts';
import type { KeyRecord } from './log-position.ts';
import { refuseNewer } from '../json/newer-format.ts';
import {
  applySchema,
  Base64Url32,
  caughtMalformed,
  Count,
  EpochMs,
  Person,
} from '../entry/schema.ts';
import { parseCertificate } from './statement.ts';
import type { Authority, Certificate, Statement } from './statement.ts';
import type { JsonObject, JsonValue } from '../json/strict-json.ts';

/** `typ` of an approval. */
export const APPROVAL_TYP = 'stele-approval+jwt';

/** Why a policy changes: a new one, one that was in charge before, or an emergency. */
export const POLICY_CHANGES = ['update', 'rollback', 'break_glass'] as const;

/** One of {@link POLICY_CHANGES}. */
export type PolicyChange = (typeof POLICY_CHANGES)[number];

/**
 * Schema of an approval's payload. `previous` is the policy that it is to follow on; null where none is in charge. `report` is
 * the leaf index of the replay that the approver has seen.
 */
export const ApprovalSchema = z.strictObject({
  v: z.literal(1),
  gen: Base64Url32,
  id: Base64Url32,
  digest: Base64Url32,
  previous: Base64Url32.nullable(),
  change: z.enum(POLICY_CHANGES),
  expiry: EpochMs,
  person: Person,
  report: z.exactOptional(Count),
});

/** What an approver says. */
export type Approval = z.infer<typeof ApprovalSchema>;

/** Why an activation is not approved, by the code of the refusal. */
export const approvalRefusals = [
  'approval_malformed',
  'approver_unknown',
  'approver_withdrawn',
  'approval_signature',
  'approval_other',
  'report_other',
  'approval_expired',
  'approval_used',
  'approval_own',
  'approval_duplicate',
  'author_unknown',
  'approvals_missing',
  'change_mismatch',
  'reason_missing',
] as const;

/** One of {@link approvalRefusals}. */
export type ApprovalRefusal = (typeof approvalRefusals)[number];

/** A change of policy as it is to be sealed. */
export interface ApprovedChange {
  readonly id: string;
  readonly digest: string;
  readonly previous: string | null;
  readonly change: PolicyChange;
  /** Thumbprint of the key that signed the bundle; null where none did. */
  readonly signer: string | null;
  readonly reason: string | null;
  /** Admission of the activation, epoch ms. */
  readonly at: number;
  readonly approvals: readonly string[];
  /** Of the approvers' keys, and of the author's. */
  readonly certificates: readonly Statement[];
  /** How many approvals the policy in charge asks for. One at least, whatever it says. */
  readonly needed: number;
}

/** What the log knows where the activation is to stand. */
export interface ApprovalContext {
  readonly authority: Authority;
  readonly keyOf: (kid: string) => KeyRecord | undefined;
  /** Leaves before the activation. */
  readonly size: number;
  /** Whether an activation has used this approval, by {@link approvalIdentity}. */
  readonly isUsed: (identity: string) => boolean;
  /** Whether a policy was in charge before. */
  readonly wasInCharge: (id: string) => boolean;
}

/** An approval that counts. */
export interface Approver {
  readonly person: string;
  readonly kid: string;
  readonly expiry: number;
  readonly identity: string;
  /** Leaf index of the replay that it names. */
  readonly report?: number;
}

/** Approvals that stand, and who wrote the bundle. */
export interface Approved {
  readonly approvers: readonly Approver[];
  readonly author: string | null;
  readonly certificates: readonly Certificate[];
}

/** Signs an approval. */
export async function makeApproval(fields: Approval, signer: JwsSigner): Promise<string> {
  return signJws(APPROVAL_TYP, fields, signer);
}

/** Parses an approval; its signature is not looked at. @throws {@link MalformedError} `approval_malformed`. */
export function parseApproval(text: string): { jws: ParsedJws; approval: Approval } {
  const jws = parsed(text);
  return { jws, approval: fieldsOf(jws.payload) };
}

/** What names an approval, so that it counts once: SHA-256 of its signing input, base64url. */
export function approvalIdentity(jws: Pick<ParsedJws, 'signingInput'>): string {
  return sha256Base64Url(jws.signingInput);
}

/**
 * Judges whether a change of policy is approved. Every approval that is brought has to stand: one that does not refuses
 * the whole, for nobody brings such a one by accident.
 *
 * @throws {@link MalformedError} with a code of {@link approvalRefusals}, or `unsupported_version` for an approval of a
 *   later format by a key that may approve here.
 */
export function judgeApprovals(change: ApprovedChange, context: ApprovalContext): Approved {
  checkChange(change, context);
  const certificates = readPersons(change.certificates, context);
  const author = authorOf(change, certificates);
  const persons = new Set<string>();
  const approvers = change.approvals.map((text): Approver => {
    const approver = judgeOne(text, change, certificates, context);
    const { person, kid } = approver;
    if (kid === change.signer || person === author) {
      throw refusal('approval_own', `${person} wrote the bundle`);
    }
    if (persons.has(person)) throw refusal('approval_duplicate', `${person} approves twice`);
    persons.add(person);
    return approver;
  });
  const needed = Math.max(1, change.needed);
  if (approvers.length < needed) {
    throw refusal('approvals_missing', `${approvers.length} approvals, ${needed} needed`);
  }
  return { approvers, author, certificates: [...certificates.values()] };
}

function checkChange({ id, change, reason }: ApprovedChange, { wasInCharge }: ApprovalContext) {
  if (change === 'break_glass' && (reason ?? '') === '') {
    throw refusal('reason_missing', 'breaking the glass needs a reason');
  }
  // An approver has to know that something old comes back, with what was mended since.
  if (change === 'update' && wasInCharge(id)) {
    throw refusal('change_mismatch', 'the policy was in charge before: this is a rollback');
  }
  if (change === 'rollback' && !wasInCharge(id)) {
    throw refusal('change_mismatch', 'the policy was never in charge: this is no rollback');
  }
}

function judgeOne(
  text: string,
  change: ApprovedChange,
  certificates: ReadonlyMap<string, PersonCertificate>,
  { authority, isUsed, size }: ApprovalContext,
): Approver {
  const jws = parsed(text);
  const { kid } = jws.header;
  const certificate = certificates.get(kid);
  if (certificate?.use !== 'approver') throw refusal('approver_unknown', `key ${kid}`);
  if (!verifyJws(jws, certificate.jwk, certificate.alg)) {
    throw refusal('approval_signature', `the signature of ${kid} does not verify`);
  }
  refuseNewer(jws.payload, 'approval');
  const says = fieldsOf(jws.payload);
  const { person } = certificate;
  if (says.person !== person) throw refusal('approver_unknown', `${kid} is not of ${says.person}`);
  if (says.gen !== authority.gen) throw refusal('approval_other', 'of another ledger');
  for (const member of ['id', 'digest', 'previous', 'change'] as const) {
    if (says[member] === change[member]) continue;
    const both = `${String(says[member])}, want ${String(change[member])}`;
    throw refusal('approval_other', `of another ${member}: ${both}`);
  }
  if (change.at > says.expiry) throw refusal('approval_expired', `${change.at - says.expiry} ms`);
  const identity = approvalIdentity(jws);
  if (isUsed(identity)) throw refusal('approval_used', `that of ${person} was used before`);
  const { expiry, report } = says;
  if (report === undefined) return { person, kid, expiry, identity };
  if (report >= size) throw refusal('report_other', `leaf ${report} is not before the activation`);
  return { person, kid, expiry, identity, report };
}

/** What `stele/admin` is told of those who approve, and a check of the record holds against the log. */
export function approvalFacts(
  approvers: readonly Pick<Approver, 'person' | 'kid' | 'expiry' | 'report'>[],
): JsonObject[] {
  return approvers.map(({ person, kid, expiry: expiry_ms, report }) => {
    return { person, kid, expiry_ms, ...(report === undefined ? {} : { report }) };
  });
}

type PersonCertificate = Extract<Certificate, { readonly person: string }>;

function readPersons(
  statements: readonly Statement[],
  { authority, keyOf }: ApprovalContext,
): ReadonlyMap<string, PersonCertificate> {
  const certificates = new Map<string, PersonCertificate>();
  for (const statement of statements) {
    const certificate = opened(statement, authority);
    const { kid, person, use } = certificate;
    const record = keyOf(kid);
    const status = record?.status ?? 'certified';
    if (status !== 'certified') throw refusal('approver_withdrawn', `key ${kid} is ${status}`);
    const known = record?.certificate ?? null;
    if (known !== null && (known.use !== use || known.person !== person)) {
      throw refusal('approver_unknown', `key ${kid} was certified for another purpose`);
    }
    if (certificates.has(kid)) throw refusal('approver_unknown', `key ${kid} is certified twice`);
    certificates.set(kid, certificate);
  }
  return certificates;
}

function opened(statement: Statement, authority: Authority): PersonCertificate {
  try {
    const certificate = parseCertificate(statement, authority);
    if ('person' in certificate) return certificate;
    throw refusal('approver_unknown', `key ${certificate.kid} is no person's`);
  } catch (error) {
    if (!(error instanceof MalformedError) || isOwn(error)) throw error;
    throw refusal('approver_unknown', error.message);
  }
}

/** Who wrote the bundle. A key that nobody vouches for could be an approver's own. */
function authorOf(
  { signer }: ApprovedChange,
  certificates: ReadonlyMap<string, PersonCertificate>,
): string | null {
  if (signer === null) return null;
  const certificate = certificates.get(signer);
  if (certificate === undefined) throw refusal('author_unknown', `nobody vouches for ${signer}`);
  return certificate.person;
}

function parsed(text: string): ParsedJws {
  try {
    return parseJws(text, APPROVAL_TYP);
  } catch (error) {
    throw refusal('approval_malformed', caughtMalformed(error).message);
  }
}

function fieldsOf(payload: JsonValue): Approval {
  return applySchema(ApprovalSchema, payload, 'approval', 'approval_malformed');
}

function isOwn({ code }: MalformedError): boolean {
  return (approvalRefusals as readonly string[]).includes(code) || code.startsWith('unsupported_');
}

function refusal(code: ApprovalRefusal, message: string): MalformedError {
  return new MalformedError(message, code);
}
