/** Candidates over sealed history: what would change is told, in groups, and gates decide. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createOutput } from '../../src/cli/output.ts';
import { optionsOf } from '../../src/cli/replay/options.ts';
import { replayStore } from '../../src/cli/replay/run.ts';
import { replayJunit, replayMarkdown, replayText } from '../../src/cli/replay/report.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { stageBundle } from '../../src/policy/bundle/stage.ts';
import type { StagedPolicy } from '../../src/policy/bundle/staged.ts';
import { changed, defaultArchive, defaultFiles, pack } from '../support/bundles.ts';
import { realEvents, sealedDecisions } from '../support/decided-ledger.ts';
import { LEDGER } from '../support/test-ledger.ts';
import type { TestWorld } from '../support/test-ledger.ts';
import { DEFAULT_BUNDLE, HOSTILE_BUNDLE, policyOf } from '../unit/policy/support.ts';

const output = createOutput({ json: true });
const spin = '{"do":"spin"}';
const secret = '{"password":"x","eventSource":"s"}';
const texts = [...realEvents().slice(0, 60), '{}', spin, secret];

let policy: PreparedPolicy;
let world: TestWorld;

beforeAll(async () => {
  policy = await policyOf(DEFAULT_BUNDLE);
  world = await sealedDecisions(policy, texts, new PolicyEngine(policy.compiled), null);
}, 60_000);

const staged = async (archive: Uint8Array): Promise<StagedPolicy> =>
  stageBundle(archive, async () => Promise.resolve(null));

/** The default policy with other settings. Its golden cases speak of the old ones, so they are left out. */
async function withSettings(settings: object): Promise<StagedPolicy> {
  const files = new Map([...(await defaultFiles())].filter(([name]) => !name.includes('cases')));
  const merge = (was: Record<string, unknown>): unknown => ({
    ...was,
    settings: { ...(was['settings'] as object), ...settings },
  });
  return staged(await pack(changed(files, 'data.json', merge)));
}

function secretsOf(files: ReadonlyMap<string, Uint8Array>): string[] {
  const text = Buffer.from(files.get('data.json')!).toString();
  return (JSON.parse(text) as { settings: { secrets: string[] } }).settings.secrets;
}

async function replay(
  candidate: StagedPolicy,
  flags: Partial<Parameters<typeof optionsOf>[0]> = {},
) {
  const options = optionsOf({ where: [], maxErrors: '0', minutes: '60', ...flags });
  return replayStore({ store: world.store, ledger: LEDGER }, candidate, options, output);
}

const kindsOf = ({ changes }: Awaited<ReturnType<typeof replay>>): Record<string, number> =>
  Object.fromEntries(changes.map(({ kind, count }) => [kind, count]));

describe('a candidate', () => {
  test('that is the policy in charge changes nothing', async () => {
    const report = await replay(await staged(defaultArchive()), { maxChanges: '0' });
    expect(report).toMatchObject({ verdict: 'pass', decisions: 63, identical: 63, changed: 0 });
    // One of the events had a secret in it: what is replayed is what was kept.
    expect(report.masked).toBeGreaterThan(0);
    expect(replayMarkdown(report)).toContain('Nothing would have changed.');
  });

  test('with another class for one source changes the class of its entries', async () => {
    const candidate = await withSettings({ class_of_source: { s: 'short' } });
    const report = await replay(candidate, { maxChanges: '0' });
    expect(kindsOf(report)).toEqual({ class: 1 });
    expect(report.changes[0]).toMatchObject({ detail: 'standard -> short', entries: [63] });
    expect(report).toMatchObject({ verdict: 'fail', changed: 1, flips: 0, errors: 0 });
  });

  test('with a class that the ledger has not would deny, and says why', async () => {
    const candidate = await withSettings({ class: 'none_such' });
    const report = await replay(candidate, { maxFlips: '3' });
    expect(report).toMatchObject({ verdict: 'fail', flips: 62, errors: 63 });
    expect(report.changes).toContainEqual(
      expect.objectContaining({ kind: 'error', detail: 'none -> class_unknown', count: 63 }),
    );
  });

  test('that hides more of what is stored changes masks', async () => {
    const candidate = await withSettings({ secrets: ['/input/event/eventSource'] });
    const report = await replay(candidate);
    expect(Object.keys(kindsOf(report))).toContain('mask');
    expect(report.identical).toBeLessThan(5);
  });

  test('that stores what was masked says which pointer is no longer hidden', async () => {
    const secrets = secretsOf(await defaultFiles());
    const kept = secrets.filter((pointer) => pointer !== '/input/event/password');
    const report = await replay(await withSettings({ secrets: kept }));
    const masks = report.changes.filter(({ kind }) => kind === 'mask');
    expect(masks.map(({ detail }) => detail)).toEqual(['- /input/event/password']);
    expect(replayText(report)).toContain('- /input/event/password  [');
  });

  test('that does not end is ended, and costs one decision', async () => {
    const report = await replay(await staged(readFileSync(HOSTILE_BUNDLE)));
    expect(report).toMatchObject({ verdict: 'fail', errors: 1, flips: 2 });
    const timeout = report.changes.find(({ detail }) => detail === 'none -> policy_timeout');
    expect(timeout).toMatchObject({ kind: 'error', entries: [62] });
  }, 30_000);
});

test.each([
  [{ from: '1', to: '10' }, 10],
  [{ to: '2020-01-01' }, 0],
  [{ from: '2020-01-01T00:00:00Z' }, 63],
  [{ where: ['/input/event/password=x'] }, 0],
  [{ where: ['/input/event/do=spin'] }, 1],
  [{ where: ['/result/allow=false'] }, 1],
])('only what %j names is replayed: %d decisions', async (flags, decisions) => {
  expect(await replay(await staged(defaultArchive()), flags)).toMatchObject({ decisions });
});

test.each([
  ['a range without decisions', { to: '0' }],
  ['a condition that nothing meets', { where: ['/input/event/nosuch=1'] }],
])(
  'a candidate that was held against nothing passes only where that is allowed: %s',
  async (_what, flags) => {
    const candidate = await staged(defaultArchive());
    const report = await replay(candidate, flags);
    expect(report).toMatchObject({ verdict: 'fail', decisions: 0 });
    expect(replayText(report)).toContain('0 decisions replayed, at least 1 has to be');
    expect(replayJunit(report)).toContain('failures="1"');
    expect((await replay(candidate, { ...flags, allowEmpty: true })).verdict).toBe('pass');
  },
);

test('a sample holds about one in n, and the same ones again', async () => {
  const candidate = await staged(defaultArchive());
  const { decisions } = await replay(candidate, { sample: '4' });
  expect(decisions).toBeGreaterThan(3);
  expect(decisions).toBeLessThan(35);
  expect((await replay(candidate, { sample: '4' })).decisions).toBe(decisions);
});

test('texts of callers stand in reports as text', async () => {
  const report = await replay(await withSettings({ class: 'none_such' }));
  const [first] = report.changes;
  const bad = { ...report, changes: [{ ...first!, detail: '<b>|\u0000' }] };
  expect(replayJunit(bad)).toContain('&lt;b&gt;');
  expect(replayJunit(bad)).not.toContain('\u0000');
  expect(replayMarkdown(bad)).toContain('&lt;b&gt;\\|');
  expect(replayJunit(bad)).toContain('failures="1"');
  expect(replayText(bad)).toMatch(/^FAIL/);
});
