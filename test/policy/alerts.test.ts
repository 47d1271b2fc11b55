/**
 * The rules of alerts over 2,000 real events, which hold an attack: what each stage of it raises, and what is raised
 * besides. The table is that of docs/policy/alerts.md. Run through the compiled module.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import type { JsonObject } from '../../src/core/json/strict-json.ts';
import { controlFacts } from '../../src/core/ledger/ctl.ts';
import { entryBytes, parseEntry } from '../../src/core/entry/entry.ts';
import { AlertWalk } from '../../src/gateway/alert/walk.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { AlertThread } from '../../src/policy/alert/thread.ts';
import { PolicyEngine } from '../../src/policy/engine/engine.ts';
import type { Evaluator } from '../../src/policy/engine/engine.ts';
import type { PreparedPolicy } from '../../src/policy/bundle/prepare.ts';
import { buildAlertPolicy } from '../support/alert-policy.ts';
import { TestWorld } from '../support/test-ledger.ts';

interface Alert {
  readonly rule: string;
  readonly severity: string;
  readonly title: string;
  readonly outcome: string;
}

interface Fact {
  readonly actor: string;
}

interface Stage {
  readonly name: string;
  readonly rule: string;
  /** Calls that the stage consists of, by index of the event. */
  readonly events: readonly number[];
}

interface Raised extends Alert {
  readonly index: number;
}

type CloudTrailEvent = JsonObject & {
  readonly eventName: string;
  readonly eventTime: string;
  readonly userAgent?: string;
  readonly userIdentity: { readonly type?: string };
};

/** Milliseconds for which facts are kept, as `stele/fact` says. */
const KEPT_MS = 300_000;

const events = gunzipSync(readFileSync('test/data/cloudtrail/events.ndjson.gz'))
  .toString('utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as CloudTrailEvent);

/**
 * What the attack did, found by hand and by what no rule reads: its tool wrote its name into the user agent of each
 * call, one name a technique. Its preparations and clean-ups, by another tool, are no stages.
 */
const stages: readonly Stage[] = [
  { name: 'passwords of Windows machines', rule: 'mass_export', events: calls('GetPasswordData') },
  { name: 'command on a machine, to steal its credentials', rule: 'remote_command', events: [253] },
  { name: 'use of the stolen credentials', rule: 'credentials_moved', events: [256, 257] },
  { name: 'secrets of Secrets Manager', rule: 'mass_export', events: calls('GetSecretValue') },
  { name: 'secure parameters', rule: 'mass_export', events: calls('GetParameters') },
  { name: 'deletion of a trail', rule: 'log_stopped', events: [788] },
  { name: 'a trail that records no changes', rule: 'log_narrowed', events: [817] },
  { name: "a trail's files that expire in a day", rule: 'log_expires_early', events: [845] },
  { name: 'stopping of a trail', rule: 'log_stopped', events: [847, 849, 851] },
  { name: 'leaving the organisation', rule: 'guardrails_left', events: [869] },
  { name: 'removal of flow logs', rule: 'log_stopped', events: [894] },
  {
    name: 'user data of machines',
    rule: 'mass_export',
    events: calls('DescribeInstanceAttribute'),
  },
  { name: 'command on a machine, to look around', rule: 'remote_command', events: [1023] },
  { name: 'machines for computing', rule: 'costly_machines', events: [1090, 1898] },
  { name: 'SSH open to the world', rule: 'administration_open', events: [1922] },
  { name: 'image shared with a stranger', rule: 'image_shared', events: [1938] },
  { name: 'snapshot shared with a stranger', rule: 'image_shared', events: [1949] },
];

/** Of the attack's own tool; Terraform prepared. */
function calls(name: string): number[] {
  return [...events.entries()]
    .filter(([, event]) => event.eventName === name)
    .filter(([, { userAgent }]) => userAgent?.startsWith('stratus-red-team') === true)
    .map(([index]) => index);
}

let engine: Evaluator;
let prepared: PreparedPolicy;
beforeAll(async () => {
  ({ prepared } = await buildAlertPolicy());
  engine = new PolicyEngine(prepared.compiled);
}, 60_000);

/** Asks about each event in turn, keeping the facts as the caller of the rules does. */
function run(shiftMs = 0): Raised[] {
  const kept = new Map<string, { ms: number; fact: JsonObject }[]>();
  return events.flatMap((event, index) => {
    const ms = timeOf(event) + shiftMs;
    const asked = inputOf(event, index, ms);
    const fact = engine.evaluate('stele/fact', canonicalJson(asked)) as (JsonObject & Fact) | null;
    const before = fact === null ? [] : recent(kept, fact.actor, ms);
    const input = { ...asked, recent: before.map((one) => one.fact) };
    const alerts = engine.evaluate('stele/alert', canonicalJson(input)) as unknown as Alert[];
    if (fact !== null) kept.set(fact.actor, [...before, { ms, fact }]);
    return alerts.map((alert) => ({ ...alert, index }));
  });
}

function timeOf({ eventTime }: CloudTrailEvent): number {
  return Date.parse(eventTime);
}

function recent<T extends { ms: number }>(
  kept: ReadonlyMap<string, readonly T[]>,
  actor: string,
  ms: number,
): T[] {
  return (kept.get(actor) ?? []).filter((one) => ms - one.ms < KEPT_MS);
}

function inputOf(event: JsonObject, index: number, ms: number): JsonObject {
  const entry = { kind: 'event', index, allow: true };
  return { ...recordedOf(event, index, ms), entry, recent: [] };
}

/** The input of the decision, as its record has it. */
function recordedOf(event: JsonObject, index: number, ms: number): JsonObject {
  return {
    subject: { type: 'service', id: 'trail', properties: { roles: ['service'], issuer: null } },
    action: { name: 'entry.append' },
    resource: { type: 'ledger', id: 'demo', properties: {} },
    context: { request_id: `r-${index}` },
    ledger: { name: 'demo', origin: 'stele.example/demo' },
    time: { ms, rfc3339: new Date(ms).toISOString() },
    event,
  };
}

/** The two tables of the page. */
function tables(raised: readonly Raised[]): string {
  const of = new Set(stages.flatMap((stage) => stage.events));
  const rows = stages.map((stage) => {
    const found = raised.filter(({ index }) => stage.events.includes(index));
    const rules = [...new Set(found.map(({ rule }) => rule))].sort();
    const said = rules.map((rule) => `\`${rule}\` ${indices(found, rule)}`).join('; ');
    return `| ${stage.name} | ${stage.events.length} | ${said || 'nothing'} |`;
  });
  const other = raised.filter(({ index }) => !of.has(index));
  const rules = [...new Set(raised.map(({ rule }) => rule))].sort();
  const counts = rules.map((rule) => {
    const all = raised.filter((one) => one.rule === rule).length;
    const outside = other.filter((one) => one.rule === rule);
    return `| \`${rule}\` | ${all} | ${outside.length} | ${indices(outside, rule) || 'none'} |`;
  });
  return [
    '| stage | calls | raised, at event |',
    '| --- | --- | --- |',
    ...rows,
    '',
    '| rule | alerts | false | at event |',
    '| --- | --- | --- | --- |',
    ...counts,
    `| all | ${raised.length} | ${other.length} | of ${events.length} events |`,
  ].join('\n');
}

function indices(raised: readonly Raised[], rule: string): string {
  return raised
    .filter((one) => one.rule === rule)
    .map(({ index }) => index)
    .join(', ');
}

/** Prettier widens the columns of a page. */
const narrow = (text: string): string => text.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---');

describe('the rules of alerts over 2,000 real events', () => {
  test('find every stage of the attack, by the rule that is made for it', () => {
    const raised = run();
    for (const stage of stages) {
      const rules = raised
        .filter(({ index }) => stage.events.includes(index))
        .map(({ rule }) => rule);
      expect([stage.name, rules]).toEqual([stage.name, expect.arrayContaining([stage.rule])]);
    }
    const table = tables(raised);
    console.log(table);
    expect(narrow(readFileSync('docs/policy/alerts.md', 'utf8'))).toContain(table);
  }, 60_000);

  test('hear of changes by people only outside of business hours', () => {
    const offHours = (shift: number): number =>
      run(shift).filter(({ rule }) => rule === 'off_hours_administration').length;
    const changes = events.filter(
      ({ readOnly, userIdentity }) => readOnly === false && userIdentity.type === 'IAMUser',
    );
    expect(offHours(0)).toBe(0);
    expect(offHours(12 * 3_600_000)).toBe(changes.length);
    expect(changes.length).toBeGreaterThan(100);
  }, 60_000);
});

describe('two gateways that ask them of what is sealed', () => {
  test('find the same alerts at the same events, and each is in the log once', async () => {
    const world = await TestWorld.create();
    const one = (await world.open()).ledger;
    const other = (await world.open()).ledger;
    let othersClock = Date.now();
    const walks = [walkOver(one), walkOver(other, () => othersClock)];
    for (const walk of walks) walk.start(() => undefined);
    try {
      const ids: string[] = [];
      for (let first = 0; first < events.length; first += 250) {
        const drafts = events.slice(first, first + 250).map((event, offset) => {
          return world.draft({ input: recordedOf(event, first + offset, timeOf(event)) });
        });
        ids.push(...drafts.map(({ jti }) => jti));
        await Promise.all((await one.append(drafts)).map(async ({ sealed }) => sealed));
      }
      const wanted = run().map(({ index, severity, title }) => `${index} ${severity} ${title}`);
      const once = [...new Set(wanted)].sort();
      await until(() => walks[0]!.status().raised === once.length && walks[1]!.status().lag === 0);
      // The other one gives up waiting for whoever sealed them, and finds each in the log.
      othersClock += 60_000;
      await other.refresh();
      await until(() => walks.every((walk) => walk.status().lag === 0));
      await sleep(500);
      const found = (await alertsOf(one)).map(
        ({ id, severity, title }) => `${ids.indexOf(id)} ${severity} ${title}`,
      );
      expect(found.sort()).toEqual(once);
      expect(walks[1]!.status()).toMatchObject({ asked: events.length, raised: 0, failed: 0 });
    } finally {
      for (const walk of walks) await walk.stop();
    }
    await Promise.all([one.close(), other.close()]);
  }, 120_000);
});

function walkOver(ledger: Ledger, clock = (): number => Date.now()): AlertWalk {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return new AlertWalk({
    ledger,
    policy: () => prepared,
    open: (compiled, recent) => new AlertThread({ compiled, recent, deadlineMs: 5000 }),
    ...{ clock, chance: () => 0.5, log },
  });
}

/** Alerts with the id of the entry that each is about. */
async function alertsOf(ledger: Ledger) {
  const entries = await ledger.stretch(0, 100_000, { isWanted: () => false });
  return entries.flatMap((entry) => {
    const { kind, ctl } = parseEntry(entryBytes(entry!.jws)).payload;
    if (kind !== 'alert') return [];
    const { source, severity, title } = controlFacts(kind, ctl);
    return [{ id: entries[source]!.jti, severity, title }];
  });
}

async function until(isDone: () => boolean): Promise<void> {
  for (let tries = 0; !isDone(); tries += 1) {
    if (tries > 600) throw new Error('it does not come to that');
    await sleep(100);
  }
}
