/** A policy from its approval to its history, by the commands; and exchanged under load. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExplainedEntry } from '../../../src/cli/reexecute/explain-entry.ts';
import { homeOf } from '../../../src/cli/open/home.ts';
import { createProgram } from '../../../src/cli/program.ts';
import type { ReplayReport } from '../../../src/cli/replay/report.ts';
import { canonicalJson } from '../../../src/core/json/canonical-json.ts';
import { parseEntry } from '../../../src/core/entry/entry.ts';
import type { ShadowStatus } from '../../../src/policy/shadow/tally.ts';
import { saveKey } from '../../../src/keys/key-files.ts';
import { NOT_ASKED } from '../../../src/policy/replay/replay.ts';
import { PolicyWorld } from '../../support/policy-world.ts';
import type { Bundle, Person } from '../../support/policy-world.ts';

let w: PolicyWorld;
let next: Bundle;
let said = '';
let ended = 0;
const at = (name: string): string => join(w.folder, name);

beforeAll(async () => {
  w = await PolicyWorld.open();
  next = await w.bundle('next');
  await writeFile(at('next.tar.gz'), next.archive);
  await writeFile(at('author.cert.json'), JSON.stringify(w.author.cert));
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
}, 240_000);

afterAll(async () => {
  jest.restoreAllMocks();
  await w.close();
});

const stele = async (...words: string[]): Promise<string> => as('admin', ...words);

async function as(role: keyof PolicyWorld['keys'], ...words: string[]): Promise<string> {
  said = '';
  const there = ['--url', w.gateway.url, '--key', w.keys[role]];
  const settings = ['--set', `data=${w.folder}`, '--set', 'log.level=silent'];
  await createProgram().parseAsync(['node', 'stele', ...words, ...there, ...settings]);
  ended = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return said;
}

async function approved(person: string, ...what: string[]): Promise<string> {
  const [key, certificate] = [at(`${person}.json`), at(`${person}.cert.json`)];
  const out = at(`${person}.approval.json`);
  const keys = ['--signing-key', key, '--certificate', certificate];
  await stele('policy', 'approve', ...what, ...keys, '--out', out);
  return out;
}

test('a policy is certified for, approved, activated, rolled back and told of', async () => {
  const first = w.active;
  for (const person of ['ann', 'ben']) {
    const out = at(`${person}.cert.json`);
    const key = ['--signing-key', at(`${person}.json`)];
    const words = await stele('policy', 'certify', '--person', person, ...key, '--out', out);
    expect(words).toContain(`${person}: approver, key `);
  }
  const offline = [at('next.tar.gz'), '--previous', first];
  const approvals = [await approved('ann', ...offline), await approved('ben', ...offline)];
  const activated = await stele(
    'policy',
    'activate',
    at('next.tar.gz'),
    ...['--author', at('author.cert.json')],
    '--approval',
    ...approvals,
  );
  expect(activated).toMatch(new RegExp(`^${next.id} is in charge: entry [0-9]+; it decides`));
  expect(await stele('policy', 'status')).toMatch(
    /^in charge .*, since entry [0-9]+\ndecides {4}the same/,
  );
  // Its digest is looked up in the archive.
  const back = ['--policy', first, '--change', 'rollback'];
  const again = [await approved('ann', ...back), await approved('ben', ...back)];
  const reason = ['--reason', 'denies what it should not'];
  expect(await stele('policy', 'rollback', '--approval', ...again, ...reason)).toContain(first);
  await expect(stele('policy', 'rollback', '--approval', ...again)).rejects.toMatchObject({
    code: 'policy_active_already',
  });
  const history = await stele('policy', 'history', '--vkey', w.vkey);
  expect(history).toContain(`founded with  ${first}\n`);
  expect(history).toMatch(
    new RegExp(`activate {2}.*update by ann, ben\n {10}bundle ${next.digest}\n`),
  );
  expect(history).toMatch(/activate {2}.*rollback by ann, ben {2}"denies what it should not"\n/);
  expect(history).toContain(`in charge: ${first}; log `);
  const url = `file://${homeOf(w.configuration).store}/demo`;
  expect(await stele('policy', 'history', url, '--vkey', w.vkey)).toBe(history);
}, 240_000);

test('the history of a sound ledger ends with 0, of the configured store or of a URL, to whoever has its key', async () => {
  const url = `file://${homeOf(w.configuration).store}/demo`;
  for (const words of [[], [url], [url, '--genesis', w.genesis.gen]]) {
    const told = await stele('policy', 'history', ...words, '--vkey', w.vkey);
    expect([told.trim().split('\n').at(-1), ended]).toEqual([
      `in charge: ${w.active}; log valid`,
      0,
    ]);
  }
  await stele('policy', 'history', url);
  expect(ended).toBe(4);
  await expect(stele('policy', 'history', '/srv/store/demo')).rejects.toMatchObject({
    code: 'option_malformed',
  });
});

test('what is no approval, no certificate, no number or another key is said in words', async () => {
  const [key, certificate] = [at('ann.json'), at('ann.cert.json')];
  await writeFile(at('words.yaml'), 'ledger: demo');
  await writeFile(at('empty.json'), '{}');
  const out = ['--out', at('x.json')];
  const approve = [at('next.tar.gz'), '--previous', w.active, '--signing-key', key, ...out];
  const own = ['--certificate', certificate];
  for (const [words, code] of [
    [['approve', ...approve, ...own, '--hours', 'soon'], 'option_malformed'],
    [['approve', ...approve, '--certificate', at('words.yaml')], 'option_malformed'],
    [['approve', ...approve, '--certificate', at('empty.json')], 'option_malformed'],
    [['approve', ...approve, '--certificate', at('ben.cert.json')], 'option_invalid'],
    [['approve', ...approve.slice(1), ...own], 'option_invalid'],
    [['approve', ...approve.slice(1), ...own, '--policy', 'none'], 'policy_unknown'],
    [['activate', '--approval', at('words.yaml')], 'option_malformed'],
    [['activate', '--approval', at('empty.json')], 'option_malformed'],
    [['activate', '--approval', at('ann.approval.json'), '--grace', 'soon'], 'option_malformed'],
    [['certify', '--person', 'x', '--jwk', at('words.yaml'), ...out], 'option_malformed'],
    [['certify', '--person', 'Ann Smith', '--signing-key', key, ...out], 'option_invalid'],
    [['history', at('words.yaml')], 'option_malformed'],
  ] as const) {
    await expect(stele('policy', ...words)).rejects.toMatchObject({ code });
  }
  const url = `file://${homeOf(w.configuration).store}/demo`;
  const from = [...approve.slice(1), ...own, '--policy', next.id, '--store', url];
  expect(await stele('policy', 'approve', ...from)).toContain(`bundle ${next.digest}`);
}, 240_000);

test('a recorded decision is explained from the store, from the gateway and from a file', async () => {
  const { body } = await w.post('entries?ack=sealed', { source: 'shop', type: 'order.paid' });
  const index = String(body['index']);
  const url = `file://${homeOf(w.configuration).store}/demo`;
  for (const words of [
    [index, '--store', url],
    [String(body['id']), '--policy', url],
  ]) {
    const text = await stele('policy', 'explain', ...words);
    expect(text).toMatch(/executed again: identical[^]*policy\/append\.rego:\d+/);
    expect(ended).toBe(0);
  }
  const sdJwt = await stele('entry', index, '--sd-jwt');
  await writeFile(at('e.sd-jwt'), sdJwt);
  const archive = await w.gateway.ledger.archivedPolicy(w.active);
  await writeFile(at('active.tar.gz'), archive!);
  const file = ['policy', 'explain', at('e.tlog-proof'), '--policy', at('active.tar.gz')];
  const explained = JSON.parse(await stele(...file, '--json')) as ExplainedEntry;
  expect(explained).toMatchObject({ index: null, reexecution: { verdict: 'identical' } });
  expect(explained.trace).toMatchObject({ agrees: true });
  expect(explained.trace).not.toHaveProperty('failed');
  expect(JSON.parse(await stele(...file, '--json', '--failed'))).toHaveProperty('trace.failed');
  const other = [...file.slice(0, -1), at('next.tar.gz')];
  expect(await stele(...other)).toMatch(/not re-executable: .*next\.tar\.gz: the bundle of policy/);
  const built = await stele(...file, '--source', 'rego');
  expect(built).toMatch(/interpreted: data\.stele\.append\n[^]*stele\/entrypoints\.rego:\d+/);
  await stele('policy', 'init', at('mine'));
  const more = 'package policy.append\n\nreasons contains "more" if input.event.more\n';
  await writeFile(at('mine/policy/more.rego'), more);
  await expect(stele(...file, '--source', at('mine'))).rejects.toMatchObject({
    code: 'source_other',
  });
  // One member of the event is taken out: what it was is not guessed.
  const parts = sdJwt.trim().split('~');
  const named = parts.findIndex((one) => decoded(one).includes('"type","order.paid"'));
  await writeFile(at('less.sd-jwt'), parts.filter((_part, i) => i !== named).join('~'));
  const less = await stele('policy', 'explain', at('less.sd-jwt'), '--policy', url);
  expect(less).toMatch(/not re-executable: \/input\/event has hidden members\n$/);
  expect(ended).toBe(3);
  const view = await stele('entry', index, '--json');
  await writeFile(at('view.json'), view);
  expect(await stele('policy', 'explain', at('view.json'), '--policy', url)).toContain('identical');
  for (const [name, text, code] of [
    ['none.sd-jwt', null, 'entry_missing'],
    ['bad.sd-jwt', 'x', 'bad_entry'],
    ['bad.json', '{"entry":1}', 'bad_entry'],
    ['broken.json', '{', 'bad_entry'],
  ] as const) {
    if (text !== null) await writeFile(at(name), text);
    await expect(stele('policy', 'explain', at(name))).rejects.toMatchObject({ code });
  }
}, 240_000);

const decoded = (part: string): string => Buffer.from(part, 'base64url').toString();

describe('a replay through the gateway', () => {
  const replay = ['policy', 'replay', '--bundle'];
  const json = (text: string): ReplayReport & { recorded?: { id: string; sha256: string } } =>
    JSON.parse(text) as ReplayReport;

  beforeAll(async () => {
    const event = { source: 'shop', type: 'order.paid', userIdentity: { userName: 'ann' } };
    await w.post('entries?ack=sealed', event);
    const archive = await w.gateway.ledger.archivedPolicy(w.active);
    await writeFile(at('active.tar.gz'), archive!);
  });

  test('reads as much as the caller may, and says what it may not', async () => {
    const whole = json(await stele(...replay, at('active.tar.gz'), '--json'));
    expect(whole).toMatchObject({ verdict: 'pass', read: 'gateway', changed: 0, masked: 0 });
    expect(whole.identical).toBeGreaterThan(0);
    const words = await as('auditor', ...replay, at('active.tar.gz'), '--max-unreplayed', '0');
    expect(words).toContain('/input/event has hidden members');
    expect(words).toContain('is its word');
    expect(words).toMatch(/^FAIL/);
    expect(ended).toBe(1);
    const stranger = json(await as('service', ...replay, at('active.tar.gz'), '--json'));
    expect(stranger.notReplayed.map(({ reason }) => reason)).toContain(
      'the gateway does not show it: denied',
    );
    // Who may not even search is asked entry by entry, as a policy without searches would have it.
    const some = ['--to', '3', '--max-unreplayed', '0', '--json'];
    const guest = json(await as('guest', ...replay, at('active.tar.gz'), ...some));
    expect(guest).toMatchObject({ verdict: 'fail', decisions: 4, identical: 0 });
  });

  test('of a part of it does not read the rest', async () => {
    // Everything before is sealed with it.
    await w.post('entries?ack=sealed', {});
    const { size: before } = w.gateway.ledger.head()!;
    const part = [...replay, at('active.tar.gz'), '--from', '1', '--to', '2', '--json'];
    const report = json(await stele(...part));
    expect(report.decisions).toBeLessThanOrEqual(2);
    await w.post('entries?ack=sealed', {});
    // What it asked of the ledger, the two, and the event just now.
    expect(w.gateway.ledger.head()!.size - before).toBeLessThanOrEqual(4);
    const where = ['--where', '/input/event/userIdentity/userName=ann', '--json'];
    const hidden = json(await as('auditor', ...replay, at('active.tar.gz'), ...where));
    expect(hidden.notReplayed).toContainEqual(
      expect.objectContaining({ reason: '/input/event/userIdentity/userName is hidden' }),
    );
    const anchored = stele(...replay, at('active.tar.gz'), '--vkey', w.vkey);
    await expect(anchored).rejects.toMatchObject({ code: 'option_unused' });
  });

  test('is an event of the ledger where that is asked for and allowed', async () => {
    const store = ['--store', `file://${homeOf(w.configuration).store}/demo`];
    const text = await as('service', ...replay, at('next.tar.gz'), ...store, '--record', '--json');
    const { recorded, ...report } = json(text);
    // That policies were put in charge is no candidate's to judge, and holds no candidate up.
    const [about, others] = [true, false].map((is) =>
      report.notReplayed.filter(({ reason }) => (reason === NOT_ASKED) === is),
    );
    expect(about).toHaveLength(1);
    expect(report.gates.find(({ name }) => name === 'decisions not replayed')?.found).toBe(
      others?.reduce((sum, { count }) => sum + count, 0),
    );
    const digest = createHash('sha256')
      .update(canonicalJson(report as never))
      .digest('base64url');
    expect(recorded?.sha256).toBe(digest);
    const { record } = JSON.parse(await stele('entry', recorded?.id ?? '', '--json')) as {
      record: { input: { event: Record<string, unknown> } };
    };
    expect(record.input.event).toMatchObject({
      type: 'policy.replay',
      outcome: 'success',
      candidate: { policy: next.id, digest: next.digest },
      report_sha256: digest,
    });
    const said = await as('service', ...replay, at('next.tar.gz'), ...store, '--record');
    expect(said).toMatch(/recorded as entry [0-9a-f-]{36}; SHA-256 of the report \S{43}\n$/);
    const denied = as('auditor', ...replay, at('next.tar.gz'), ...store, '--record');
    await expect(denied).rejects.toMatchObject({ code: 'report_not_recorded' });
  });
});

describe('a candidate in the shadow', () => {
  const read = (text: string): ShadowStatus => JSON.parse(text) as ShadowStatus;
  const status = async (): Promise<ShadowStatus> =>
    read(await stele('policy', 'shadow', 'status', '--json'));

  test('begins, compares what passes, and ends; each is an entry', async () => {
    expect(await stele('policy', 'shadow', 'status')).toContain('no candidate has decided');
    const other = await w.bundle('shop', (files) => {
      const data = Buffer.from(files.get('data.json')!).toString();
      files.set('data.json', Buffer.from(data.replace('"class":"standard"', '"class":"none"')));
    });
    await writeFile(at('other.tar.gz'), other.archive);
    const began = await stele('policy', 'shadow', 'start', at('other.tar.gz'));
    expect(began).toContain(`${other.id} (revision`);
    const { body } = await w.post('entries', { source: 'unheard-of', type: 'order.paid' });
    for (let tries = 0; (await status()).changed === 0 && tries < 200; tries += 1) await sleep(50);
    const text = await stele('policy', 'shadow', 'status');
    expect(text).toMatch(/compared: \d+ as decided, 1 otherwise/);
    expect(text).toMatch(new RegExp(`${String(body['id'])} +append +allow_to_deny.*/result/class`));
    const metrics = await (await fetch(`${w.gateway.url}/metrics`)).text();
    expect(metrics).toContain('stele_policy_shadow_changed{ledger="demo"} 1');
    expect(metrics).toContain('stele_policy_shadow_changes{ledger="demo",kind="allow_to_deny"} 1');
    expect(await stele('policy', 'shadow', 'stop')).toContain('stopped');
    await w.post('entries', { source: 'unheard-of' });
    expect(await status()).toMatchObject({ running: false, changed: 1 });
    const { index } = (await w.post('entries?ack=sealed', {})).body;
    const acts: unknown[] = [];
    for (let at = 0; at < Number(index); at += 1) {
      const { record } = (await w.gateway.ledger.entry(at)) ?? {};
      const input = record == null ? {} : (JSON.parse(record) as Asked).input;
      if (input?.action?.name === 'policy.shadow') acts.push(input.resource?.properties.act);
    }
    expect(acts).toEqual(expect.arrayContaining(['start', 'status', 'stop']));
  }, 120_000);

  test('is for administrators, and for bundles that could decide', async () => {
    for (const act of ['status', 'stop', 'start']) {
      const denied = as('auditor', 'policy', 'shadow', act, at('next.tar.gz'));
      await expect(denied).rejects.toMatchObject({ code: 'denied' });
    }
    await writeFile(at('none.tar.gz'), 'nothing');
    for (const [words, code] of [
      [['start', at('none.tar.gz')], 'bundle_refused'],
      [['start'], 'policy_unknown'],
      [['start', at('next.tar.gz'), '--sample', '0'], 'shadow_malformed'],
      [['start', at('next.tar.gz'), '--sample', 'x'], 'option_malformed'],
    ] as const) {
      const refused = stele('policy', 'shadow', ...words);
      await expect(refused).rejects.toMatchObject({ code });
    }
    const answer = await w.post('policy/shadow', { act: 'dance' }, w.keys.admin);
    expect([answer.status, answer.body['code']]).toEqual([400, 'shadow_malformed']);
    expect((await status()).running).toBe(false);
  }, 120_000);
});

interface Asked {
  readonly input?: {
    readonly action?: { readonly name: string };
    readonly resource?: { readonly properties: { readonly act?: string } };
  };
}

test('in an emergency one approval will do, with a reason and an alert', async () => {
  const ann = await w.person('ann');
  const quick = await w.bundle('quick');
  await saveKey(at('other.json'), ann.key);
  const request = await w.request(quick, [ann], { change: 'break_glass' });
  const { status, body } = await w.activate({ ...request, reason: 'everybody is locked out' });
  expect([status, body['adopted']]).toEqual([201, true]);
  const index = Number(body['index']);
  let alert: unknown = null;
  for (let next = index + 1; alert === null && next < index + 10; next += 1) {
    const entry = await w.gateway.ledger.entry(next);
    if (entry === null) break;
    const { kind, ctl } = parseEntry(Buffer.from(entry.jws)).payload;
    if (kind === 'alert') alert = ctl;
  }
  expect(alert).toMatchObject({ source: index, severity: 'critical' });
}, 240_000);

test('under load no request fails, and every entry names the policy that was adopted there', async () => {
  const people: Person[] = [await w.person('dan'), await w.person('fay')];
  let stop = false;
  const failures: unknown[] = [];
  let sent = 0;
  const load = Array.from({ length: 8 }, async () => {
    while (!stop) {
      const { status, body } = await w.post('entries', { n: sent++ });
      if (status !== 202) failures.push([status, body]);
    }
  });
  for (const name of ['one', 'two', 'three']) {
    const bundle = await w.bundle(name);
    const { status, body } = await w.activate(await w.request(bundle, people));
    expect([status, body['adopted'], w.active]).toEqual([201, true, bundle.id]);
  }
  stop = true;
  await Promise.all(load);
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(50);
  await w.restart();
  const report = await w.check();
  expect([report.verdict, report.findings]).toEqual(['valid', []]);
}, 240_000);

test('a start takes the policy in charge from the archive, and says so in its boot entry', async () => {
  const before = w.active;
  await w.restart();
  const { active, deciding } = w.gateway.ledger.policy();
  expect([active?.id, deciding]).toEqual([before, before]);
  expect((await w.post('entries?ack=sealed', { after: 'restart' })).status).toBe(201);
}, 240_000);
