/**
 * The commands as a person types them, in this process: found a ledger, serve it, append, read, prove, verify, check.
 */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from '@jest/globals';
import { Command } from 'commander';
import { benchCommand } from '../../../src/cli/bench.ts';
import { composeGateway } from '../../../src/cli/open/gateway.ts';
import type { Composition } from '../../../src/cli/open/gateway.ts';
import { resolveConfiguration } from '../../../src/cli/settings/configuration.ts';
import { exitCodeOf } from '../../../src/cli/exit.ts';
import { createOutput } from '../../../src/cli/output.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { untilStopped } from '../../../src/cli/serve.ts';
import { MalformedError, SteleError } from '../../../src/core/errors.ts';
import { HaltError } from '../../../src/ledger/context/errors.ts';
import { generateKey, loadKey, saveKey } from '../../../src/keys/key-files.ts';
import { jwsSigner } from '../../../src/keys/signers.ts';
import { unpackBundle } from '../../../src/policy/bundle/bundle.ts';
import { pack } from '../../support/bundles.ts';

let folder = '';
let said = '';
let noted = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stele-commands-'));
});
afterAll(async () => rm(folder, { recursive: true }));

beforeEach(() => {
  said = '';
  noted = '';
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    noted += String(text);
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs a command line. @returns what it printed and the exit code that it set. */
async function stele(...words: string[]): Promise<{ text: string; code: number }> {
  said = '';
  process.exitCode = undefined;
  await createProgram().parseAsync(['node', 'stele', ...words]);
  const code = exitCodeNow();
  process.exitCode = undefined;
  return { text: said, code };
}

/** The code as commands leave it; the compiler only sees that it was cleared above. */
function exitCodeNow(): number {
  return Number(process.exitCode ?? 0);
}

const settings = () => ['--set', `data=${folder}`, '--set', 'log.level=silent'];

describe('a ledger from its founding to its verification', () => {
  let gateway: Composition;
  let vkey = '';
  let key = '';
  let auditor = '';
  const client = (as: string) => ['--url', gateway.url, '--key', as];

  beforeAll(async () => {
    const quiet = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
    vkey = (await stele('init', ...settings())).text.trim();
    key = (await stele('keygen', '--id', 'app', '--role', 'service', ...settings())).text.trim();
    const made = await stele('--json', 'keygen', '--id', 'eve', '--role', 'auditor', ...settings());
    auditor = (JSON.parse(made.text) as { key: string }).key;
    quiet.mockRestore();
    gateway = await composeGateway(
      resolveConfiguration({
        flags: {
          data: folder,
          'listen.port': '0',
          'log.level': 'silent',
          'callers.anonymous': 'true',
          'gateway.trustedProxies': '10.0.0.0/8, 127.0.0.2',
        },
        environment: {},
      }),
    );
    await gateway.ledger.ready();
  });
  afterAll(async () => gateway.close());

  test('a second init changes nothing, and a caller gets one key', async () => {
    expect((await stele('--json', 'init', ...settings())).text).toContain('"created":false');
    await stele('init', ...settings());
    expect(noted).toContain('nothing to do');
    await expect(stele('keygen', '--id', 'app', ...settings())).rejects.toMatchObject({
      code: 'caller_exists',
    });
  });

  test.each([
    [['--role', 'emperor'], 'the default policy knows no role emperor'],
    [[], 'no --role was given'],
    [['--role', 'service', 'auditor'], null],
    [['--role', 'emperor', '--set', 'policy.bundle=own', '--set', 'policy.unsigned=true'], null],
  ])('a key of %j is warned of where it can do nothing', async (words, warning) => {
    await stele(
      'keygen',
      '--id',
      `roles${words.length}${warning ?? ''}`.replaceAll(' ', '-'),
      ...words,
      ...settings(),
    );
    if (warning === null) expect(noted).not.toContain('warning');
    else expect(noted).toContain(`warning: ${warning}`);
  });

  test('a caller that no key file may have leaves the file as it is', async () => {
    const path = join(folder, 'demo/api-keys.yaml');
    const before = await readFile(path, 'utf8');
    await expect(stele('keygen', '--id', 'two words', ...settings())).rejects.toMatchObject({
      code: 'option_malformed',
    });
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test('events are appended from a file, and what is bad input is counted and named', async () => {
    const file = join(folder, 'events.ndjson');
    const events = Array.from({ length: 120 }, (_, n) => `{"eventName":"E${n}","eventSource":"t"}`);
    await writeFile(file, `${events.join('\n')}\n`);
    expect(await stele('append', file, ...client(key))).toEqual({
      text: '120 appended, 0 denied, 0 refused\n',
      code: 0,
    });
    await writeFile(file, '{"a":1}\n\n{"a":1,"a":2}\n');
    const bad = await stele('append', file, ...client(key));
    expect(bad.text).toContain('1 refused');
    expect(bad.code).toBe(1);
    expect(noted).toContain(`${file}:3: 400 duplicate_key: `);
    await writeFile(file, '{"a":1}\n');
    expect((await stele('append', file, ...client(auditor))).text).toContain('1 denied');
    expect(noted).toMatch(/403 denied: .*append/);
    expect(noted).not.toContain('no key was sent');
    expect((await stele('append', file, '--url', gateway.url)).code).toBe(1);
    expect(noted).toContain('no key was sent');
  });

  test('what was appended can be read and proved: its id is said, with --json the promise too', async () => {
    const file = join(folder, 'one.ndjson');
    await writeFile(file, '{"a":1}\n');
    const one = await stele('append', file, ...client(key));
    expect(one.text).toMatch(/^1 appended, 0 denied, 0 refused: [0-9a-f-]{36}\n$/);
    await writeFile(file, '{"a":1}\nnone\n{"a":3}\n');
    const many = await stele('--json', 'append', file, ...client(key));
    expect(JSON.parse(many.text)).toMatchObject({
      results: [
        { file, line: 1, status: 202, entry: expect.stringMatching(/^eyJ.*\..*\./) as unknown },
        { file, line: 2, status: 400, code: 'not_json' },
        { file, line: 3, status: 202 },
      ],
      appended: 2,
      denied: 0,
      refused: 1,
    });
    await writeFile(file, '\n');
    expect(await stele('append', file, ...client(key))).toEqual({
      text: '0 appended, 0 denied, 0 refused: the input holds no event\n',
      code: 0,
    });
    const none = await stele('--json', 'append', file, ...client(key));
    expect(JSON.parse(none.text)).toMatchObject({ results: [], appended: 0 });
    await expect(stele('append', join(folder, 'nowhere'), ...client(key))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(said).toMatch(/refused: stopped before the end of the input \(ENOENT\)\n$/);
    await writeFile(file, '{"a":1}\n');
    await expect(stele('--json', 'append', file, ...client('wrong'))).rejects.toThrow();
    expect(JSON.parse(said)).toMatchObject({ appended: 0, stopped: expect.any(String) as unknown });
  });

  test('entries are searched, page after page, in what the policy shows', async () => {
    while ((gateway.ledger.head()?.size ?? 0) < 120)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const lines = (text: string): string[] => text.trimEnd().split('\n');
    const first = await stele('entries', '--kind', 'event', '--limit', '3', ...client(auditor));
    expect(lines(first.text)).toHaveLength(3);
    expect(first.text).toMatch(/^ +\d+ {2}20.*Z {2}event +service app {2}\{"eventName":"E0"/);
    expect(noted).toMatch(/there may be more: --after \S+\.\S+\n/);
    const after = /--after (\S+)/.exec(noted)![1]!;
    const rest = ['entries', '--kind', 'event', '--after', after, '--limit', '2'];
    expect((await stele(...rest, ...client(auditor))).text).toContain('"E3"');
    const where = [
      '--where',
      '/input/event/eventName:prefix:E1',
      '--where',
      '/input/event/eventName:ne:E1',
    ];
    const found = await stele(
      '--json',
      'entries',
      '--newest',
      '--all',
      ...where,
      ...client(auditor),
    );
    const names = lines(found.text).map((line) => {
      const { record } = JSON.parse(line) as {
        record: { input: { event: { eventName: string } } };
      };
      return record.input.event.eventName;
    });
    expect(names).toHaveLength(30);
    expect(names[0]).toBe('E119');
    const count = await stele('entries', '--count', ...where, ...client(auditor));
    expect(count.text).toBe('30\n');
    const window = [
      '--from',
      '2020-01-01T00:00:00Z',
      '--to',
      '2020-01-02T00:00:00Z',
      '--label',
      'a:b',
    ];
    expect((await stele('entries', ...window, '--class', 'x', ...client(auditor))).text).toBe('');
    await expect(stele('entries', '--limit', '0', ...client(auditor))).rejects.toMatchObject({
      code: 'option_malformed',
    });
    await expect(stele('entries', '--where', 'x', ...client(auditor))).rejects.toMatchObject({
      code: 'bad_parameter',
    });
    const strange = ['entries', '--purpose', 'ä', ...client(auditor)];
    await expect(stele(...strange)).rejects.toMatchObject({ code: 'purpose_malformed' });
  });

  test('what was answered before the gateway was lost is said, and where it ended', async () => {
    const file = join(folder, 'long.ndjson');
    await writeFile(file, '{"a":1}\n'.repeat(150));
    const { fetch } = globalThis;
    let calls = 0;
    jest.spyOn(globalThis, 'fetch').mockImplementation(async (...words) => {
      calls += 1;
      if (calls === 1) return fetch(...words);
      throw new TypeError('fetch failed');
    });
    const lost = { code: 'gateway_unreachable', durability: 'unknown' };
    await expect(stele('append', file, ...client(key))).rejects.toMatchObject(lost);
    expect(noted).toContain(`${file}:100 was the last one answered`);
    const stopped = 'stopped before the end of the input (gateway_unreachable)';
    expect(said).toBe(`100 appended, 0 denied, 0 refused: ${stopped}\n`);
    calls = 0;
    await expect(stele('--json', 'append', file, ...client(key))).rejects.toMatchObject(lost);
    const { results } = JSON.parse(said) as { results: unknown[] };
    expect(results).toHaveLength(100);
  });

  test('an entry is read, proven and verified with nothing of the gateway', async () => {
    const out = join(folder, 'three');
    while ((gateway.ledger.head()?.size ?? 0) < 5)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await stele('prove', '3', '--out', out, ...client(auditor));
    const shown = (await stele('entry', '3', ...client(auditor))).text;
    expect(shown).toMatch(/^event 3 of demo, sealed, admitted 20.*Z\n {2}id {7}[0-9a-f-]{36}\n/);
    expect(shown).toContain('allowed by stele/append of policy');
    expect(shown).toContain('"eventName": "E');
    expect(shown).not.toContain('disclosures');
    const whole = JSON.parse((await stele('--json', 'entry', '3', ...client(auditor))).text) as {
      disclosures: unknown[];
    };
    expect(whole.disclosures.length).toBeGreaterThan(10);
    await expect(stele('entry', '3', '--url', gateway.url)).rejects.toThrow('no key was sent');
    expect((await stele('entry', '3', '--sd-jwt', ...client(auditor))).text).toContain('~');
    const verified = await stele('verify', `${out}.tlog-proof`, '--vkey', vkey);
    expect(verified.text).toMatch(/^VALID\n/);
    expect(verified.text).toMatch(/entry signature +\S*pass/);
    expect(verified.code).toBe(0);
    expect((await stele('verify', `${out}.tlog-proof`)).code).toBe(4);
    const report = JSON.parse((await stele('--json', 'verify', `${out}.tlog-proof`)).text) as {
      entry: { bytes: unknown; signature: unknown };
    };
    expect(report.entry.signature).toMatch(/^[A-Za-z0-9_-]{86}$/);
    expect(typeof report.entry.bytes).toBe('string');
    await writeFile(join(folder, 'bad.json'), '{}');
    for (const [option, code] of [
      ['--jwks', 'jwks_malformed'],
      ['--certificates', 'certificates_malformed'],
    ] as const) {
      const wrong = ['verify', `${out}.tlog-proof`, option, join(folder, 'bad.json')];
      await expect(stele(...wrong)).rejects.toMatchObject({ code });
    }
    const proof = await readFile(`${out}.tlog-proof`, 'utf8');
    // No policy is at hand: the decision that was asked for is not made again.
    const unmade = await stele('verify', `${out}.tlog-proof`, '--vkey', vkey, '--reexecute');
    expect(unmade.text).toMatch(/^INCOMPLETE: .*reexecution\n/);
    expect(unmade.code).toBe(3);
    await writeFile(`${out}.tlog-proof`, proof.replace(/^index \d+/m, 'index 4'));
    const forged = await stele('verify', `${out}.tlog-proof`, '--vkey', vkey);
    expect(forged.text).toContain('INVALID');
    expect(forged.code).toBe(1);
  });

  test('a store and a served log verify by URL', async () => {
    const store = await stele('verify', `file://${folder}/demo/store/demo`, '--vkey', vkey);
    expect(store.text).toContain('VALID');
    const served = await stele('verify', `${gateway.url}/log/demo`, '--vkey', vkey);
    expect(served).toMatchObject({ code: 0 });
    expect((await stele('verify', `${gateway.url}/log/demo`)).code).toBe(4);
    await expect(stele('verify', `${gateway.url}/log/none`, '--vkey', vkey)).rejects.toMatchObject({
      code: 'log_unreachable',
    });
    await expect(stele('verify', '/nowhere.tlog-proof')).rejects.toMatchObject({
      code: 'file_missing',
    });
    const large = join(folder, 'large.tlog-proof');
    await writeFile(large, 'a proof');
    await truncate(large, 300_000_000);
    await writeFile(join(folder, 'large.sd-jwt'), 'an entry');
    await expect(stele('verify', large)).rejects.toMatchObject({ code: 'evidence_too_large' });
    const alone = join(folder, 'alone.tlog-proof');
    await writeFile(alone, 'a proof');
    await expect(stele('verify', alone)).rejects.toThrow(/alone\.sd-jwt, the entry of /);
    await expect(stele('verify', join(folder, 'events.ndjson'))).rejects.toThrow(
      /events\.ndjson is no \.tlog-proof file/,
    );
    await expect(
      stele('verify', `${gateway.url}/log/demo`, '--checkpoint', 'x'),
    ).rejects.toMatchObject({ code: 'option_unused' });
  });

  test('a folder is no proof, and the URL that it has as a store is told', async () => {
    await expect(stele('verify', folder, '--vkey', vkey)).rejects.toMatchObject({
      code: 'is_folder',
      message: expect.stringContaining(`file://${folder}`),
    });
  });

  test('three targets that are not there have one exit code', async () => {
    for (const target of [
      `${gateway.url}/log/none`,
      `file://${folder}/nowhere/demo`,
      '/nowhere.tlog-proof',
    ]) {
      const failure: unknown = await stele('verify', target, '--vkey', vkey).catch(
        (error: unknown) => error,
      );
      expect(exitCodeOf(failure)).toBe(3);
    }
  });

  test('the policy that decides is kept in the ledger', async () => {
    const { policy } = gateway.ledger.genesis;
    const path = join(folder, 'demo/store/demo/policy', policy?.id ?? '', 'bundle.tar.gz');
    const bundled = new URL('../../../bundles/default/bundle.tar.gz', import.meta.url);
    expect(await readFile(path)).toEqual(await readFile(bundled));
  });

  test('after the gateway has stopped, the whole ledger is checked from the store', async () => {
    await gateway.close();
    const { text, code } = await stele('fsck', '--vkey', vkey, ...settings());
    expect(text).toContain('VALID');
    expect(code).toBe(0);
  });
});

test('the demo runs once, verifies what it made, and goes on with it the second time', async () => {
  const own = ['--set', `data=${join(folder, 'demo-data')}`, '--set', 'listen.port=0'];
  const first = await stele('--json', 'demo', '--once', ...own);
  const report = JSON.parse(first.text) as { treeSize: number; report: { verdict: string } };
  expect(report.report.verdict).toBe('valid');
  expect(report.treeSize).toBeGreaterThan(2000);
  const second = await stele('demo', '--once', ...own);
  expect(second.text).toContain('whole ledger');
  expect(second.text).not.toContain('Ctrl-C');
  expect(noted).toContain('entries from before');
}, 120_000);

test.each([
  [{ treeSize: 12, backlogEntries: 0 }, 'sealed and closed: 12 entries\n'],
  [
    { treeSize: 12, backlogEntries: 3 },
    'closed: 12 entries are sealed, 3 wait in the journal for the next start\n',
  ],
])('a gateway that was stopped says where its entries are: %j', async (status, words) => {
  let closed = false;
  const composition = {
    ledger: { status: () => ({ ...status, reason: null }) },
    close: async () => {
      closed = true;
      return Promise.resolve();
    },
  };
  const stopped = untilStopped(
    composition as unknown as Composition,
    createOutput({ json: false }),
  );
  process.emit('SIGTERM');
  await stopped;
  expect(closed).toBe(true);
  expect(noted).toBe(words);
});

test('a setting takes one word, so a command may come after it', async () => {
  const { text } = await stele('--set', 'ledger=one', 'config', '--set', 'listen.port=1');
  expect(text).toMatch(/^ledger +"one" +\(flag\)$/m);
  expect(text).toMatch(/^listen.port +1 +\(flag\)$/m);
});

describe('a policy bundle', () => {
  const bundle = () => join(folder, 'bundle.tar.gz');
  beforeAll(async () => {
    await writeFile(bundle(), await readFile('bundles/default/bundle.tar.gz'));
    await saveKey(join(folder, 'author.pem'), generateKey());
  });
  const sign = async (...more: string[]) =>
    stele('policy', 'sign', bundle(), '--signing-key', join(folder, 'author.pem'), ...more);

  test('is signed in place, with its cases; again, it has the same bytes', async () => {
    const said = (await sign('--cases', 'rego/cases')).text;
    expect(said).toMatch(/revision default-[0-9a-f]{12}, [0-9]+ files signed by [\w-]{43}/);
    const first = await readFile(bundle());
    const again = JSON.parse((await sign('--json')).text) as Record<string, unknown>;
    expect((await readFile(bundle())).equals(first)).toBe(true);
    expect(again).toMatchObject({ scope: '' });
    expect(again['cases']).toBeGreaterThan(30);
    expect(said).toContain(String(again['digest']));
  });

  test('is signed anew by another key into another file, the cases replaced', async () => {
    const before = await readFile(bundle());
    const none = await mkdtemp(join(folder, 'cases-'));
    await saveKey(join(folder, 'other.jwk'), generateKey());
    const output = join(folder, 'other.tar.gz');
    const key = ['--signing-key', join(folder, 'other.jwk'), '--output', output];
    const words = ['policy', 'sign', bundle(), ...key, '--cases', none, '--scope', 'write'];
    const other = JSON.parse((await stele(...words, '--json')).text) as Record<string, unknown>;
    const { kid } = jwsSigner(await loadKey(join(folder, 'author.pem')));
    expect(other).toMatchObject({ bundle: output, cases: 0, scope: 'write', replaces: kid });
    expect((await readFile(bundle())).equals(before)).toBe(true);
  });

  test('that was signed while it was built is not signed over', async () => {
    const path = join(folder, 'foreign.tar.gz');
    const files = await unpackBundle(await readFile(bundle()));
    await writeFile(path, await pack(files));
    const key = ['--signing-key', join(folder, 'author.pem')];
    await expect(stele('policy', 'sign', path, ...key)).rejects.toMatchObject({
      code: 'bundle_signed',
    });
  });

  test('with cases that nobody could run is not signed', async () => {
    const cases = await mkdtemp(join(folder, 'bad-'));
    await writeFile(join(cases, 'append.json'), '{"append": [{}]}');
    await expect(sign('--cases', cases)).rejects.toMatchObject({ code: 'bundle_case_malformed' });
  });
});

test('settings are shown with their origin, and secrets are not', async () => {
  const text = (await stele('config', '--set', 'store.secretAccessKey=hunter2')).text;
  expect(text).toContain('store.secretAccessKey');
  expect(text).toContain('(hidden)');
  expect(text).not.toContain('hunter2');
});

const unsignedFrom = (place: string): string[] => [
  'init',
  '--set',
  `policy.bundle=${place}`,
  '--set',
  'policy.unsigned=true',
];

test('the benchmarks have the parts that the command names', async () => {
  const script = await readFile('infra/bench/run.mjs', 'utf8');
  const table = /const benches = \{(.*?)\};/s.exec(script)?.[1] ?? '';
  const parts = [...table.matchAll(/(\w+):/g)].map(([, name]) => name);
  const bench = new Command();
  benchCommand(bench);
  const only = bench.options.find(({ long }) => long === '--only');
  expect(only?.description).toBe(`comma-separated: ${parts.join(', ')}`);
});

describe('what goes wrong says what to do', () => {
  test.each([
    ['a setting without a value', ['config', '--set', 'ledger'], 'configuration_invalid'],
    [
      'a configuration file that is not there',
      ['config', '--config', '/nowhere.yaml'],
      'configuration_invalid',
    ],
    ['a key of no log', ['verify', 'x.tlog-proof', '--vkey', 'garbage'], 'vkey_malformed'],
    ['a key of no log for a store', ['fsck', '--vkey', 'garbage'], 'vkey_malformed'],
    ['a hash that is none', ['verify', 'x.tlog-proof', '--genesis', 'x'], 'genesis_malformed'],
    [
      'a part of the benchmarks that is none',
      ['bench', '--only', 'decide,nope'],
      'option_malformed',
    ],
    ['a gateway that is no URL', ['entry', '1', '--url', 'foo'], 'option_malformed'],
    ['a time that is none', ['prove', '1', '--wait', 'soon'], 'option_malformed'],
    ['S3 without a bucket', ['fsck', '--set', 'store.kind=s3'], 'configuration_invalid'],
    [
      'a bundle that is not there',
      ['init', '--set', 'policy.bundle=/nowhere', '--set', 'policy.unsigned=true'],
      'bundle_missing',
    ],
    [
      'a bundle that somebody may have signed',
      ['init', '--set', 'policy.bundle=bundles/default'],
      'configuration_invalid',
    ],
    ['a source with a password', unsignedFrom('https://me:secret@host/b'), 'configuration_invalid'],
    [
      'a token that everybody on the way could read',
      [...unsignedFrom('http://host/b'), '--set', 'policy.tokenFile=/token'],
      'configuration_invalid',
    ],
    [
      'half of a client certificate',
      [...unsignedFrom('https://host/b'), '--set', 'policy.clientCert=/cert'],
      'configuration_invalid',
    ],
    ['a bucket without a name', unsignedFrom('s3://'), 'configuration_invalid'],
    [
      'a gateway that is not there',
      ['entry', '1', '--url', 'http://127.0.0.1:1'],
      'gateway_unreachable',
    ],
    [
      'serving what was never founded',
      ['serve', '--set', 'data=/tmp/stele-none', '--set', 'store.kind=memory'],
      'not_initialised',
    ],
    ['checking what is not there', ['fsck', '--set', 'store.kind=memory'], 'ledger_missing'],
    [
      'half of the settings for tokens',
      ['serve', '--set', 'callers.issuer=x', '--set', 'store.kind=memory'],
      'not_initialised',
    ],
  ])('%s', async (_name, words, code) => {
    await expect(stele(...words)).rejects.toMatchObject({ code });
  });

  test.each([
    ['a wrong setting', new SteleError('x', 'x', { disposition: 'fix-configuration' }), 2],
    ['what may be tried again', new SteleError('x', 'x', { disposition: 'retry' }), 3],
    [
      'a ledger that is not there',
      new SteleError('ledger_missing', 'x', { disposition: 'fix-configuration' }),
      3,
    ],
    [
      'an entry that is not there',
      new SteleError('entry_unknown', 'x', { disposition: 'fix-input' }),
      3,
    ],
    ['a folder that another process has', new HaltError('folder_in_use', 'x'), 3],
    ['bad input', new MalformedError('x'), 1],
    ['a bug', new Error('x'), 1],
  ])('%s has its exit code', (_about, error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});
