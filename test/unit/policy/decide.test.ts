/** From an event to its entry and record: what every answer of a policy leads to, checked by the core's own verifier. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { checkAgreement } from '../../../src/core/record/agreement.ts';
import { parseBase64Url, utf8Bytes } from '../../../src/core/platform/bytes.ts';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import { parseDsc } from '../../../src/core/record/disclosure.ts';
import { completePayload, parseEntryPayload } from '../../../src/core/entry/entry.ts';
import type { EntryPayload } from '../../../src/core/entry/entry.ts';
import { openDisclosures } from '../../../src/core/record/open-disclosures.ts';
import {
  checkFullOpening,
  discloseStored,
  formatRecord,
  parseRecord,
} from '../../../src/core/record/record.ts';
import type { StoredRecord } from '../../../src/core/record/record.ts';
import { recordHmac } from '../../../src/core/record/hmac.ts';
import { disclosuresFor } from '../../../src/core/record/redact.ts';
import { parseStrictJson } from '../../../src/core/json/strict-json.ts';
import type { JsonValue } from '../../../src/core/json/strict-json.ts';
import { sha256 } from '../../../src/core/platform/platform.node.ts';
import { Decider } from '../../../src/policy/decide/decide.ts';
import type { DecideSettings } from '../../../src/policy/decide/decide.ts';
import { PolicyEngine } from '../../../src/policy/engine/engine.ts';
import type { Evaluator } from '../../../src/policy/engine/engine.ts';
import { openInProcessPool } from '../../../src/policy/pool/in-process.ts';
import type {
  AppendJob,
  DecidedAppend,
  DecidedRead,
  ReadEntry,
} from '../../../src/policy/decide/jobs.ts';
import { appendWork, readWork } from '../../../src/policy/pool/pool.ts';
import type { PolicyPool } from '../../../src/policy/pool/pool.ts';
import type { PreparedPolicy } from '../../../src/policy/bundle/prepare.ts';
import { decisionOfRecord, reexecute } from '../../../src/policy/decide/reexecute.ts';
import type { RecordedDecision } from '../../../src/policy/decide/reexecute.ts';
import { bodyDigest, identityDigest } from '../../../src/policy/decide/write-identity.ts';
import {
  appendJob,
  AT,
  HOSTILE_BUNDLE,
  JTI,
  known,
  policyOf,
  readJob,
  settings,
} from './support.ts';

let policy: PreparedPolicy;
let pool: PolicyPool;
beforeAll(async () => {
  policy = await policyOf(HOSTILE_BUNDLE);
  pool = openInProcessPool(policy, settings);
});

const wtr = { id: 'A'.repeat(22), boot: 'A'.repeat(22), seq: 0, prev: 'A'.repeat(43) };
const SECRET = 'open-sesame';

interface Made {
  readonly outcome: DecidedAppend;
  readonly payload: EntryPayload;
  readonly record: StoredRecord;
}

/** Every entry passes here: its payload, its record, and that one says what the other does. */
function made(outcome: { prefix: string | null }, line: string): Omit<Made, 'outcome'> {
  const text = completePayload(outcome.prefix!, wtr);
  const limits = { bytes: 65_535, depth: 20, members: 1000, stringLength: 10_000 };
  const payload = parseEntryPayload(parseStrictJson(text, limits, 'signed'));
  expect(canonicalJson(payload as unknown as JsonValue)).toBe(text);
  const record = parseRecord(line);
  expect(formatRecord(record)).toBe(line);
  expect(checkFullOpening(payload, record)).toMatchObject({ ok: true });
  const disclosures = disclosuresFor(discloseStored(record, parseDsc(payload.dsc!)), 'all');
  const opened = openDisclosures(payload, disclosures);
  expect(checkAgreement(payload, opened, settings.fallbackClass).verdict).toBe('agrees');
  return { payload, record };
}

async function decided(job: AppendJob, by: PolicyPool = pool): Promise<Made> {
  const [outcome] = (await by.append([job])) as [DecidedAppend];
  expect(outcome.outcome).toBe('decided');
  return { outcome, ...made(outcome, outcome.record) };
}

const event = (what: string, more: object = {}) =>
  appendJob(JSON.stringify({ do: what, secret: SECRET, ...more }), ['service']);
const keyOf = ({ jti, key }: StoredRecord) => ({ jti, key: parseBase64Url(key) });
const eventOf = (record: StoredRecord) => (record.input as { event?: unknown }).event;

describe('an allowed event', () => {
  test('becomes an entry of its class, with the policy that decided', async () => {
    const { outcome, payload, record } = await decided(event('x'));
    expect(outcome).toMatchObject({ allow: true, kind: 'event', class: 'standard', reasons: [] });
    expect(payload).toMatchObject({
      iss: settings.origin,
      gen: settings.gen,
      jti: JTI,
      at: AT,
      kind: 'event',
      sby: AT + settings.maxSealMs,
      pol: { id: policy.identity.id, entrypoint: 'stele/append', allow: true },
      ret: { class: 'standard', mode: 'none', until: AT + 30 * 86_400_000 },
      dsc: '1:3.3.3',
    });
    expect(payload).not.toHaveProperty('lbl');
    expect(payload).not.toHaveProperty('idk');
    expect(record.input).toMatchObject({
      ...JSON.parse(
        JSON.stringify(
          known('entry.append', { type: 'ledger', id: 'test', properties: {} }, ['service']),
        ),
      ),
      event: { do: 'x', secret: SECRET },
      time: { ms: AT, rfc3339: '2026-11-23T00:00:00.000Z' },
    });
  });

  test('lets whoever has its record confirm the bytes as they came', async () => {
    const raw = ' {"do" : "x", "n": 1.0e2}\n';
    const { record } = await decided(appendJob(Buffer.from(raw), []));
    expect(record.source).toMatchObject({ raw_hmac: recordHmac('raw', keyOf(record), raw) });
    expect(eventOf(record)).toEqual({ do: 'x', n: 100 });
  });

  test('lets nobody confirm them in a class that can be erased', async () => {
    const { record, payload } = await decided(event('person'));
    expect(payload.ret.class).toBe('person');
    expect(record.source).toMatchObject({ raw_hmac: null });
  });

  test('may have a retention that an event starts', async () => {
    const { payload } = await decided(event('open'));
    expect(payload.ret).toEqual({ class: 'open', mode: 'governance', until: null });
  });

  test('is known by its identity, which is told to nobody', async () => {
    const identity = { issuer: 'i', subject: 's', scheme: 'key', key: 'k-1' };
    const job = { ...event('mask'), identity };
    const { outcome, payload } = await decided(job);
    const body = canonicalJson({ do: 'mask', secret: SECRET });
    expect(payload.idk).toBe(identityDigest(settings.secret, identity));
    expect(payload.idb).toBe(bodyDigest(settings.secret, body));
    expect(outcome).toMatchObject({ idk: payload.idk, idb: payload.idb });
    const { payload: other } = await decided({ ...job, identity: { ...identity, key: 'k-2' } });
    expect(other.idk).not.toBe(payload.idk);
    expect(other.idb).toBe(payload.idb);
  });

  test('gets a key of its own every time', async () => {
    const [a, b] = [await decided(event('x')), await decided(event('x'))];
    expect(a.record.key).not.toBe(b.record.key);
    expect(a.payload._sd).not.toEqual(b.payload._sd);
  });

  test('at every depth that is taken can be read back', async () => {
    const { depth } = settings.limits.event;
    const deep = '['.repeat(depth - 1) + ']'.repeat(depth - 1);
    await decided(appendJob(`{"deep":${deep}}`, []));
    const [outcome] = await pool.append([appendJob(`{"deep":[${deep}]}`, [])]);
    expect(outcome).toMatchObject({ outcome: 'refused', code: 'too_deep' });
  });
});

describe('what is masked', () => {
  test('is never stored, and the policy is asked again without it', async () => {
    const list = [{ secret: SECRET, kept: 1 }, { kept: 2 }];
    const { outcome, payload, record } = await decided(event('mask', { list }));
    expect(JSON.stringify([outcome, record])).not.toContain(SECRET);
    expect(eventOf(record)).toEqual({ do: 'mask', list: [{ kept: 1 }, { kept: 2 }] });
    expect(record.result).toMatchObject({ reasons: ['seen without the secret'] });
    expect(record.source).toMatchObject({ raw_hmac: null });
    expect(outcome).toMatchObject({
      allow: true,
      ack: 'sealed',
      reasons: ['seen without the secret'],
    });
    expect(payload.lbl).toEqual({ source: 'masked' });
  });

  test('may be what the policy went by, as long as its answer stays the same', async () => {
    const { outcome, record } = await decided(event('unstable do'));
    expect(outcome).toMatchObject({ allow: true, class: 'standard' });
    expect(eventOf(record)).toEqual({ secret: SECRET });
  });

  test('and is not there costs nothing', async () => {
    const { record } = await decided(appendJob('{"do":"mask"}', []));
    expect(record.source).toMatchObject({ raw_hmac: expect.any(String) });
  });

  test('is masked in a denial too', async () => {
    const { outcome, record } = await decided(event('denied mask'));
    expect(outcome).toMatchObject({ allow: false, kind: 'denial' });
    expect(outcome).not.toHaveProperty('err');
    expect(JSON.stringify(record)).not.toContain(SECRET);
  });

  test.each(['unstable', 'unstable mask'])(
    'makes a denial that stores nothing of the event where the policy is %s',
    async (what) => {
      const { outcome, record } = await decided(event(what));
      expect(outcome).toMatchObject({ allow: false, err: 'mask_unstable', class: 'standard' });
      expect(JSON.stringify(record)).not.toContain(SECRET);
      expect(eventOf(record)).toBeUndefined();
      expect(record.result).toBeNull();
      expect(record.input).toMatchObject({
        withheld: { reason: 'may_hold_what_is_hidden', hmac: null, kib: 1 },
      });
    },
  );
});

describe('a policy that gives no usable answer denies', () => {
  test.each([
    ['nothing', 'policy_undefined'],
    ['conflict', 'policy_error'],
    ['flood', 'policy_error'],
    ['shape', 'policy_bad_output'],
    ['text', 'policy_bad_output'],
    ['false', 'policy_bad_output'],
    ['null', 'policy_bad_output'],
    ['unknown member', 'policy_bad_output'],
    ['no class', 'policy_bad_output'],
    ['reserved', 'policy_bad_output'],
    ['reserved top', 'policy_bad_output'],
    ['large number', 'policy_bad_output'],
    ['class', 'class_unknown'],
    ['denied class', 'class_unknown'],
    ['label', 'policy_bad_output'],
    ['hold', 'hold_unavailable'],
    ['mask time', 'policy_bad_output'],
  ])(
    'and stores nothing of the event, which it may have wanted hidden: %s: %s',
    async (what, err) => {
      const { outcome, payload, record } = await decided(event(what));
      expect(outcome).toMatchObject({ allow: false, kind: 'denial', err, class: 'standard' });
      expect(payload.pol).toEqual({
        id: policy.identity.id,
        entrypoint: 'stele/append',
        allow: false,
        err,
      });
      expect(payload).not.toHaveProperty('lbl');
      expect(record.result).toBeNull();
      expect(record.source).toMatchObject({ raw_hmac: null });
      expect(eventOf(record)).toBeUndefined();
      expect(record.input).toMatchObject({
        withheld: { reason: 'may_hold_what_is_hidden', hmac: null, kib: 1 },
      });
      expect(JSON.stringify(record)).not.toContain(SECRET);
    },
  );

  test('a label that is too long', async () => {
    const { outcome } = await decided(event('long label', { text: 'a'.repeat(500) }));
    expect(outcome).toMatchObject({ allow: false, err: 'policy_bad_output' });
    const { payload } = await decided(event('long label', { text: 'a'.repeat(400) }));
    expect(payload.lbl).toEqual({ source: 'a'.repeat(400) });
  });

  test.each(['erasure', 'misspelt but masking', 'mask time'])(
    'and stores nothing of an event that may hold what is hidden: %s',
    async (what) => {
      const { outcome, record } = await decided(event(what));
      expect(outcome.allow).toBe(false);
      expect(outcome.err).toBe(what === 'erasure' ? 'erasure_unavailable' : 'policy_bad_output');
      expect(JSON.stringify(record)).not.toContain(SECRET);
      expect(JSON.stringify(record)).not.toContain('ada');
    },
  );

  test('an identity is not taken by what was denied', async () => {
    const identity = { issuer: 'i', subject: 's', scheme: 'key', key: 'k' };
    const { payload } = await decided({ ...event('shape'), identity });
    expect(payload).not.toHaveProperty('idk');
  });

  test('a denial that names a class of the ledger is kept in it', async () => {
    const { payload } = await decided(event('denied open'));
    expect(payload).toMatchObject({
      kind: 'denial',
      ret: { class: 'open' },
      pol: { allow: false },
    });
  });
});

describe('a denial', () => {
  test('keeps its event up to a cap, and above it what confirms it to whoever has the record', async () => {
    const { denialEventBytes } = settings.limits;
    const sized = (bytes: number) => {
      const empty = canonicalJson({ do: 'denied open', text: '' }).length;
      return { do: 'denied open', text: 'a'.repeat(bytes - empty) };
    };
    const kept = sized(denialEventBytes);
    const { record } = await decided(appendJob(JSON.stringify(kept), []));
    expect(eventOf(record)).toEqual(kept);
    const large = sized(denialEventBytes + 1);
    const { record: capped, outcome } = await decided(appendJob(JSON.stringify(large), []));
    expect(outcome).toMatchObject({ allow: false });
    expect(outcome).not.toHaveProperty('err');
    expect(capped.input).toMatchObject({
      withheld: {
        reason: 'too_large',
        kib: denialEventBytes / 1024 + 1,
        hmac: recordHmac('withheld', keyOf(capped), canonicalJson(large)),
      },
    });
    expect(eventOf(capped)).toBeUndefined();
  });

  test('says nothing of an event above the cap that could be confirmed, in a class that can be erased', async () => {
    const text = 'a'.repeat(settings.limits.denialEventBytes);
    const { payload, record } = await decided(event('denied person', { text }));
    expect(payload.ret.class).toBe('person');
    expect(record.input).toMatchObject({ withheld: { reason: 'too_large', hmac: null, kib: 17 } });
  });

  test('an event cannot pretend to be withheld', async () => {
    const { record } = await decided(appendJob('{"do":"denied open","withheld":{"kib":1}}', []));
    expect(record.input).not.toHaveProperty('withheld');
  });
});

describe('a reader from whom something of the event is hidden', () => {
  const hidden = { mail: 'jane.doe@example.org', ip: '203.0.113.77' };
  // With white space, so that the bytes as they came are not the canonical ones.
  const sent = (what: string, text = ''): string =>
    JSON.stringify({ do: what, ...hidden, text }, null, 1);

  /** Whatever the right guess of the event hashes to, as text. */
  function guesses(raw: string): string[] {
    const event = JSON.parse(raw) as JsonValue;
    const texts = [raw, canonicalJson(event), hidden.mail, hidden.ip];
    const hashes = [...texts, ...texts.map((text) => canonicalJson(text))].map((text) =>
      Buffer.from(sha256(utf8Bytes(text))),
    );
    return hashes.flatMap((hash) => [
      hash.toString('base64url'),
      hash.toString('base64'),
      hash.toString('hex'),
    ]);
  }

  test.each([
    ['an event', sent('x')],
    ['a small denial', sent('denied open')],
    ['a denial whose event was too large', sent('denied open', 'a'.repeat(17_000))],
    ['a denial by a policy that failed', sent('shape')],
  ])('cannot confirm a right guess by what is shown of %s', async (_what, raw) => {
    const { outcome, payload, record } = await decided(appendJob(raw, []));
    const redact = ['/input/event/mail', '/input/event/ip'];
    const made = discloseStored(record, parseDsc(payload.dsc!));
    const opened = openDisclosures(payload, disclosuresFor(made, { redact }));
    const shown = JSON.stringify([outcome.prefix, opened.parts]);
    for (const digest of guesses(raw)) expect(shown).not.toContain(digest);
    for (const value of Object.values(hidden)) expect(shown).not.toContain(value);
  });

  test('is shown an HMAC whose key is in no disclosure', async () => {
    const { payload, record } = await decided(appendJob(sent('x'), []));
    const made = discloseStored(record, parseDsc(payload.dsc!));
    const all = disclosuresFor(made, 'all').map((text) =>
      Buffer.from(text, 'base64url').toString(),
    );
    expect(all.join()).toContain(`"raw_hmac","${recordHmac('raw', keyOf(record), sent('x'))}"`);
    expect(all.join()).not.toContain(record.key);
  });
});

describe('bad input is refused before anything is decided', () => {
  test.each<[string, string | Uint8Array, string, string | undefined]>([
    ['no JSON', 'not json', 'not_json', ''],
    ['nothing', '', 'not_json', ''],
    ['two values', '{} {}', 'not_json', ''],
    ['a member twice', '{"a":{"b":1,"b":2}}', 'duplicate_key', '/a/b'],
    ['half a surrogate pair', '{"a":"\\ud800"}', 'lone_surrogate', '/a'],
    ['a number that is not exact', '{"a":9007199254740993}', 'unsafe_number', '/a'],
    ['a reserved name', '{"a":{"_sd":[]}}', 'reserved_member', '/a/_sd'],
    ['another reserved name', '{"a":[{"...":1}]}', 'reserved_member', '/a/0/...'],
    ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'invalid_utf8', undefined],
    ['a byte order mark', '\ufeff{}', 'not_json', ''],
    ['more bytes than are taken', `"${'a'.repeat(262_144)}"`, 'too_large', ''],
    ['more bytes than are taken, in few characters', `"${'ä'.repeat(140_000)}"`, 'too_large', ''],
    ['more nesting than is taken', '['.repeat(100_000), 'too_deep', expect.any(String) as never],
    ['more members than are taken', `[${'0,'.repeat(20_000)}0]`, 'too_many_members', '/20000'],
    [
      'numbers that grow beyond the input',
      `[${'1e15,'.repeat(20_000)}1]`.replace(/,1e15/, ''),
      'too_large',
      '',
    ],
  ])('%s', async (_, raw, code, pointer) => {
    const [outcome] = await pool.append([appendJob(raw, ['service'])]);
    expect(outcome).toMatchObject({ outcome: 'refused', code });
    if (pointer !== undefined) expect(outcome).toMatchObject({ pointer });
  });

  test.each([
    [
      'half a surrogate pair in a token',
      { subject: { type: 't', id: '\ud800', properties: {} } },
      'lone_surrogate',
    ],
    [
      'a reserved name in a token',
      { subject: { type: 't', id: 'x', properties: { _sd: 1 } } },
      'reserved_member',
    ],
    [
      'a context that is too deep',
      { context: JSON.parse('{"a":'.repeat(20) + '1' + '}'.repeat(20)) },
      'too_deep',
    ],
  ])('%s', async (_, facts, code) => {
    const job = event('x');
    const [outcome] = await pool.append([{ ...job, known: { ...job.known, ...facts } }]);
    expect(outcome).toMatchObject({ outcome: 'refused', code });
  });

  test('half a surrogate pair in an identity', async () => {
    const identity = { issuer: 'i', subject: 's', scheme: 'key', key: '\ud800' };
    const [outcome] = await pool.append([{ ...event('x'), identity }]);
    expect(outcome).toMatchObject({ outcome: 'refused', code: 'lone_surrogate' });
  });

  test.each(['false', '0', '""', 'null', '[]', '{}', '"\u2028"'])(
    'but %s is an event',
    async (raw) => {
      const { record } = await decided(appendJob(raw, ['service']));
      expect(eventOf(record)).toEqual(JSON.parse(raw));
    },
  );
});

describe('a read', () => {
  const entry = (id: string) => ({ type: 'entry', id, properties: {} });
  const read = async (id: string): Promise<DecidedRead> =>
    (await pool.read([readJob('entry.read', entry(id), ['auditor'])]))[0] as DecidedRead;

  test.each<[string, Partial<DecidedRead>]>([
    ['anything', { allow: true, kind: 'access', select: { redact: [] }, record: true }],
    ['leaf', { allow: true, kind: 'access', select: 'leaf' }],
    ['disclose', { allow: true, kind: 'access', select: { disclose: ['/input/event'] } }],
    [
      'both',
      { allow: false, kind: 'denial', select: 'leaf', err: 'policy_bad_output', record: true },
    ],
    ['denied but redacts', { allow: false, kind: 'denial', select: 'leaf', reasons: ['no'] }],
  ])('of %s', async (id, want) => {
    const outcome = await read(id);
    expect(outcome).toMatchObject({ outcome: 'decided', class: 'standard', ...want });
    const { payload, record } = made(outcome, outcome.recordLine!);
    expect(payload).toMatchObject({
      kind: want.kind,
      pol: { id: policy.identity.id, entrypoint: 'stele/read', allow: want.allow },
      ret: { class: settings.fallbackClass },
    });
    expect(record.input).toMatchObject({ resource: { id } });
    expect(record.input).not.toHaveProperty('event');
    expect(record.source).toMatchObject({ raw_hmac: null });
  });

  test('that the policy leaves out of the log makes no entry', async () => {
    expect(await read('unrecorded')).toMatchObject({
      allow: true,
      record: false,
      prefix: null,
      recordLine: null,
      select: { redact: [] },
    });
  });
});

describe('what is owed with a read', () => {
  const answering = (result: object): Decider =>
    new Decider(
      {
        evaluator: { evaluate: () => ({ allow: true, reasons: ['r'], ...result }) },
        policy: policy.identity.id,
        random: (bytes) => new Uint8Array(bytes).fill(1),
      },
      settings,
    );
  const read = (result: object, purpose?: string, entry?: ReadEntry): DecidedRead => {
    const job = readJob('entry.read', { type: 'entry', id: 'e', properties: {} }, []);
    const context = { ...job.known.context, ...(purpose === undefined ? {} : { purpose }) };
    const asked = { ...job, known: { ...job.known, context }, ...(entry && { entry }) };
    return answering(result).read(readWork(asked, new WeakMap())) as DecidedRead;
  };
  const anyPurpose = { obligations: [{ id: 'purpose' }] };
  const oneOf = { obligations: [{ id: 'purpose', of: ['audit', 'incident'] }] };

  test.each<[string, object, string | undefined, boolean]>([
    ['any purpose, none stated', anyPurpose, undefined, false],
    ['any purpose, one stated', anyPurpose, 'curiosity', true],
    ['one of two, none stated', oneOf, undefined, false],
    ['one of two, another stated', oneOf, 'curiosity', false],
    ['one of two, that one stated', oneOf, 'incident', true],
    ['no purpose, one stated', {}, 'incident', true],
  ])('%s', (_name, result, purpose, allow) => {
    const outcome = read({ redact: [], ...result }, purpose);
    expect(outcome).toMatchObject({ allow, kind: allow ? 'access' : 'denial', reasons: ['r'] });
    expect(outcome.err).toBe(allow ? undefined : 'purpose_missing');
    expect(outcome.select).toEqual(allow ? { redact: [] } : 'leaf');
    expect(outcome.obligations).toEqual(allow && 'obligations' in result ? ['purpose'] : []);
  });

  test('without which it was denied can be decided again, and gives the same', () => {
    const outcome = read(oneOf);
    const { payload, record } = made(outcome, outcome.recordLine!);
    const again = reexecute(
      { evaluate: () => ({ allow: true, reasons: ['r'], ...oneOf }) },
      decisionOfRecord(payload.pol!, record) as RecordedDecision,
    );
    expect(payload.pol).toMatchObject({ allow: false, err: 'purpose_missing' });
    expect(again).toEqual({ verdict: 'identical', detail: '' });
  });

  test.each<[ReadEntry, boolean | undefined, boolean]>([
    ['as_decided', undefined, true],
    ['as_decided', false, false],
    ['always', false, true],
    ['never', true, false],
    ['never', undefined, false],
  ])('its entry, when %s is asked and the policy says %p, is made: %p', (entry, record, made) => {
    const outcome = read(record === undefined ? {} : { record }, undefined, entry);
    expect([outcome.prefix !== null, outcome.recordLine !== null]).toEqual([made, made]);
    expect(outcome.record).toBe(record ?? true);
  });
});

describe('a decider', () => {
  const texts = new WeakMap<object, string>();
  const decider = (evaluator: Evaluator, more: Partial<DecideSettings> = {}) =>
    new Decider(
      { evaluator, policy: policy.identity.id, random: (bytes) => new Uint8Array(bytes).fill(1) },
      { ...settings, ...more },
    );

  test('gives the policy exactly the text that is recorded', () => {
    const seen: string[] = [];
    const evaluator: Evaluator = {
      evaluate: (_, input) => {
        seen.push(input);
        return { allow: true, reasons: [], class: 'standard' };
      },
    };
    const outcome = decider(evaluator).append(appendWork(event('x'), texts)) as DecidedAppend;
    expect(seen).toHaveLength(1);
    expect(outcome.record).toContain(`"input":${seen[0]!},`);
    expect(canonicalJson(JSON.parse(seen[0]!) as JsonValue)).toBe(seen[0]);
  });

  test('does not swallow a bug', () => {
    const evaluator: Evaluator = {
      evaluate: () => {
        throw new TypeError('bug');
      },
    };
    expect(() => decider(evaluator).append(appendWork(event('x'), texts))).toThrow('bug');
    const entry = { type: 'entry', id: 'e', properties: {} };
    const job = readWork(readJob('entry.read', entry, []), texts);
    expect(() => decider(evaluator).read(job)).toThrow('bug');
  });

  test('needs its fallback class in the table', () => {
    const evaluator = new PolicyEngine(policy.compiled);
    const broken = decider(evaluator, { fallbackClass: 'gone' });
    expect(() => broken.append(appendWork(event('nothing'), texts))).toThrow(/class gone/);
  });

  test('remembers callers without mixing them up', () => {
    const evaluator: Evaluator = {
      evaluate: (_, input) => ({ allow: true, reasons: [input.slice(0, 20)], class: 'standard' }),
    };
    const one = decider(evaluator);
    for (let i = 0; i < 1200; i++) {
      const job = {
        ...event('x'),
        known: { ...event('x').known, action: { name: `a${i % 700}` } },
      };
      const outcome = one.append(appendWork(job, texts)) as DecidedAppend;
      expect(outcome.record).toContain(`"action":{"name":"a${i % 700}"}`);
    }
  });

  test('parses known facts that are too long to remember', () => {
    const evaluator = new PolicyEngine(policy.compiled);
    const subject = { type: 't', id: 's', properties: { note: 'a'.repeat(6000) } };
    const job = { ...event('x'), known: { ...event('x').known, subject } };
    const outcome = decider(evaluator).append(appendWork(job, texts)) as DecidedAppend;
    expect(parseRecord(outcome.record).input).toMatchObject({ subject });
  });
});
