// Where the time of one append goes: each part by itself, in this process, on the real events, largest first.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  mkdtempSync,
  openSync,
  closeSync,
  fdatasyncSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson } from '../../dist/core/json/canonical-json.js';
import { discloseRecord, DEFAULT_DEPTHS } from '../../dist/core/record/disclosure.js';
import { signingInput } from '../../dist/core/entry/entry.js';
import { parseStrictJson } from '../../dist/core/json/strict-json.js';
import { makeUuid7 } from '../../dist/core/entry/uuid7.js';
import { sha256Base64Url } from '../../dist/core/platform/platform.node.js';
import { readBundle } from '../../dist/policy/bundle/bundle.js';
import { PolicyEngine } from '../../dist/policy/engine/engine.js';
import { openInProcessPool } from '../../dist/policy/pool/in-process.js';
import { DEFAULT_INPUT_LIMITS } from '../../dist/policy/decide/input.js';
import { preparePolicy } from '../../dist/policy/bundle/prepare.js';
import { realEvents } from './events.mjs';
import { opaRequests } from './peer-opa.mjs';
import { row } from './row.mjs';

const AT = 1_700_000_000_000;
/** Entries that share one fdatasync at 64 connections, about. */
const GROUP = 20;

/** Microseconds a call, after a warm-up of one pass. */
async function time(items, act) {
  for (const item of items) await act(item);
  const started = performance.now();
  for (const item of items) await act(item);
  return ((performance.now() - started) * 1000) / items.length;
}

export async function appendByParts() {
  const texts = realEvents();
  const policy = preparePolicy(await readBundle(readFileSync('bundles/default/bundle.tar.gz')));
  const limits = DEFAULT_INPUT_LIMITS;
  const inputs = opaRequests(texts).map(({ body }) => JSON.parse(body).input);
  const documents = inputs.map((input) => canonicalJson(input));
  const engine = new PolicyEngine(policy.compiled);
  const { privateKey } = generateKeyPairSync('ed25519');
  const pool = openInProcessPool(policy, {
    origin: 'stele.invalid/log/bench',
    gen: randomBytes(32).toString('base64url'),
    classes: { standard: { mode: 'compliance', days: 400, erasable: false, ground: null } },
    fallbackClass: 'standard',
    labels: ['source', 'operation', 'outcome'],
    maxSealMs: 60_000,
    secret: { id: 'benchsecret', key: randomBytes(32) },
    limits,
  });
  const { event: _event, time: _time, ...known } = inputs[0];
  const source = {
    media_type: 'application/json',
    auth: {
      method: 'api_key',
      issuer: null,
      subject: 'bench',
      key_id: 'bench',
      token_sha256: null,
    },
    producer: null,
  };
  const jti = () => makeUuid7(AT, randomBytes(10));
  const outcomes = await pool.append(
    texts.map((event) => ({ at: AT, jti: jti(), event, known, source, identity: null })),
  );
  const result = { allow: true, class: 'standard', labels: {}, mask: [], reasons: [] };
  const folder = mkdtempSync(join(tmpdir(), 'stele-parts-'));
  const file = openSync(join(folder, 'journal'), 'w');
  const group = Buffer.from(
    outcomes
      .slice(0, GROUP)
      .map((each) => each.record + each.prefix)
      .join(''),
  );
  const parts = [
    ['parse strictly', await time(texts, (text) => parseStrictJson(text, limits.event))],
    ['canonicalise', await time(inputs, (input) => canonicalJson(input))],
    ['evaluate', await time(documents, (text) => engine.evaluate('stele/append', text))],
    [
      'disclose',
      await time(inputs, (input) =>
        discloseRecord({
          jti: jti(),
          key: randomBytes(32),
          depth: DEFAULT_DEPTHS,
          parts: { input, result, source },
        }),
      ),
    ],
    [
      'decide in all (parse to entry prefix and record, in the worker)',
      await time(texts, async (event) =>
        pool.append([{ at: AT, jti: jti(), event, known, source, identity: null }]),
      ),
    ],
    [
      'place: payload, signing input, hash of it',
      await time(outcomes, ({ prefix }) =>
        sha256Base64Url(signingInput('k'.repeat(43), `${prefix},"wtr":{}}`)),
      ),
    ],
    [
      'sign (thread pool)',
      await time(outcomes.slice(0, 500), ({ prefix }) =>
        sign(null, Buffer.from(prefix), privateKey),
      ),
    ],
    [
      `journal: write and fdatasync, shared by ${GROUP}`,
      (await time(outcomes.slice(0, 200), () => {
        writeSync(file, group);
        fdatasyncSync(file);
      })) / GROUP,
    ],
  ];
  closeSync(file);
  rmSync(folder, { recursive: true, force: true });
  await pool.close();
  return parts.sort((a, b) => b[1] - a[1]).map(([what, us]) => row(what, `${us.toFixed(1)} us`));
}
