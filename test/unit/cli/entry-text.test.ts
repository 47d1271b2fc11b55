import { expect, test } from '@jest/globals';
import { entryLine, entryText } from '../../../src/cli/entry/text.ts';

const view = {
  id: '01a2',
  ledger: 'demo',
  index: 5,
  state: 'sealed',
  kind: 'event',
  at: 1_795_419_424_604,
  hidden: 3,
  payload: {
    pol: { allow: true, entrypoint: 'stele/append', id: 'sOJG' },
    ret: { class: 'standard', mode: 'compliance', until: 1_829_979_424_604 },
  },
  record: {
    input: { event: { name: 'login' }, subject: { type: 'service', id: 'app' } },
    result: { reasons: ['role service may append', 'and more'] },
  },
  disclosures: ['WyJ'],
};

test('an event is told with its decision, its caller and how long it is kept', () => {
  expect(entryText(view)).toBe(`event 5 of demo, sealed, admitted 2026-11-23T07:37:04.604Z
  id       01a2
  decided  allowed by stele/append of policy sOJG: role service may append; and more
  by       service app
  kept     class standard, compliance until 2027-12-28T07:37:04.604Z
  hidden   3 members, from you by the policy
{
  "name": "login"
}`);
});

const bare = { ...view, hidden: 0, payload: { ret: { class: 'standard', until: null } } };

test.each([
  [
    'an entry of the ledger has its facts',
    { ...bare, kind: 'boot', payload: { ctl: { lastSeq: null } }, record: null },
    `boot 5 of demo, sealed, admitted 2026-11-23T07:37:04.604Z
  id       01a2
{
  "lastSeq": null
}`,
  ],
  [
    'of an access, what was asked is shown',
    { ...bare, kind: 'access', record: { input: { action: { name: 'entry.read' } } } },
    `access 5 of demo, sealed, admitted 2026-11-23T07:37:04.604Z
  id       01a2
  kept     class standard
{
  "action": {
    "name": "entry.read"
  }
}`,
  ],
  [
    'what is hidden or foreign is named as such, and no terminal is moved',
    {
      kind: 'denial\u001b[2J',
      ledger: 'demo',
      index: null,
      state: 'durable',
      at: 'soon',
      payload: { pol: { allow: false, entrypoint: 'stele/append' } },
      record: { result: { reasons: [] } },
    },
    `denial[2J (not sealed yet) of demo, durable, admitted soon
  id       hidden
  decided  denied by stele/append of policy hidden
null`,
  ],
])('%s', (_name, given, want) => {
  expect(entryText(given)).toBe(want);
});

test('a line is cut where the terminal ends, and says so', () => {
  const event = { eventName: 'Hello', eventSource: 'demo', text: 't'.repeat(99) };
  const long = { ...bare, kind: 'event', record: { input: { event } } };
  expect(entryLine(long)).toMatch(/"ttt.*…$/);
  const cut = entryLine(long, 80);
  expect(cut).toHaveLength(80);
  expect(cut).toMatch(/…$/);
  const whole = entryLine({ ...long, record: { input: { event: { a: 1 } } } }, 80);
  expect(whole).toMatch(/ {2}\{"a":1\}$/);
});

test('an alert is one line for who is on duty: how bad, what, and about which entry', () => {
  const ctl = { policy: 'P'.repeat(43), severity: 'high', source: 12, title: 't'.repeat(99) };
  const line = entryLine({ ...bare, kind: 'alert', payload: { ctl }, record: null });
  expect(line).toBe(
    `     5  2026-11-23T07:37:04.604Z  alert      high: ${'t'.repeat(99)} (entry 12)`,
  );
  const hidden = entryLine({ ...bare, kind: 'alert', payload: {}, record: null });
  expect(hidden).toBe('     5  2026-11-23T07:37:04.604Z  alert      null');
});
