import { describe, expect, test } from '@jest/globals';
import { checkAgreement } from '../../../src/core/record/agreement.ts';
import type { AgreementDetail, AgreementVerdict } from '../../../src/core/record/agreement.ts';
import type { RecordParts } from '../../../src/core/record/disclosure.ts';
import type { EntryPayload, PolicyOutcome } from '../../../src/core/entry/entry.ts';
import { openDisclosures } from '../../../src/core/record/open-disclosures.ts';
import { disclosuresFor } from '../../../src/core/record/redact.ts';
import type { Select } from '../../../src/core/record/redact.ts';
import type { JsonObject } from '../../../src/core/json/strict-json.ts';
import { AT, disclose, hashOf, PARTS, payloadOf } from '../../support/entries.ts';

type Fact = AgreementDetail['fact'];
interface Row {
  readonly claim?: Partial<EntryPayload>;
  readonly result?: RecordParts['result'];
  readonly input?: RecordParts['input'];
  readonly select?: Select;
  readonly fallback?: string;
  /** Facts whose verdict is not `agrees`. */
  readonly but?: Partial<Record<Fact, AgreementVerdict>>;
}

const FACTS: readonly Fact[] = [
  'pol.allow',
  'pol.entrypoint',
  'withheld',
  'ret.class',
  'lbl',
  'kind',
  'at',
];
const result = PARTS.result as JsonObject;
const input = PARTS.input as JsonObject;
const pol = (allow: boolean, err?: string): PolicyOutcome => ({
  id: hashOf(8),
  entrypoint: 'stele/append',
  allow,
  ...(err === undefined ? {} : { err }),
});
const ret = (name: string): EntryPayload['ret'] => ({ class: name, mode: 'none', until: null });

function verdictsOf(row: Row): { verdict: AgreementVerdict; details: readonly AgreementDetail[] } {
  const parts = { ...PARTS, result: row.result ?? result, input: row.input ?? PARTS.input };
  const payload = payloadOf(parts, row.claim ?? {});
  const disclosures = disclosuresFor(disclose(parts), row.select ?? 'all');
  return checkAgreement(payload, openDisclosures(payload, disclosures), row.fallback);
}

// prettier-ignore
const rows: [string, Row][] = [
  ['what the result says',              {}],
  ['a denial that is one',              { claim: { pol: pol(false), kind: 'denial' }, result: { ...result, allow: false } }],
  ['an access allowed',                 { claim: { kind: 'access' } }],
  ['an access denied',                  { claim: { kind: 'access', pol: pol(false) }, result: { ...result, allow: false } }],
  ['allowed over a denial',             { result: { ...result, allow: false },
                                          but: { 'pol.allow': 'disagrees', kind: 'disagrees' } }],
  ['denied over an allowance',          { claim: { pol: pol(false), kind: 'denial' },
                                          but: { 'pol.allow': 'disagrees', kind: 'disagrees' } }],
  ['allowed over a truthy text',        { result: { ...result, allow: 'true' },
                                          but: { 'pol.allow': 'disagrees', kind: 'disagrees' } }],
  ['allowed over no answer',            { result: { class: 'standard', labels: { team: 'a' } },
                                          but: { 'pol.allow': 'disagrees', kind: 'disagrees' } }],
  ['allowed over a result no object',   { result: 'yes', fallback: 'standard',
                                          but: { 'pol.allow': 'disagrees', kind: 'disagrees', lbl: 'disagrees' } }],
  ['an event that was denied',          { claim: { pol: pol(false) }, result: { ...result, allow: false },
                                          but: { kind: 'disagrees' } }],
  ['a denial that was allowed',         { claim: { kind: 'denial' }, but: { kind: 'disagrees' } }],
  ['a failure over any result',         { claim: { pol: pol(false, 'mask_unstable'), kind: 'denial', lbl: {} } }],
  ['a failure over nothing',            { claim: { pol: pol(false, 'policy_timeout'), kind: 'denial', lbl: {}, ret: ret('fallback') },
                                          result: null, fallback: 'fallback' }],
  ['a failure that allows',             { claim: { pol: pol(true, 'policy_error') },
                                          but: { 'pol.allow': 'disagrees', kind: 'disagrees' } }],
  ['an event after a failure',          { claim: { pol: pol(false, 'policy_error') }, but: { kind: 'disagrees' } }],
  ['another class',                     { claim: { ret: ret('short') }, fallback: 'short', but: { 'ret.class': 'disagrees' } }],
  ['the fallback for an unknown class', { claim: { pol: pol(false, 'class_unknown'), kind: 'denial', ret: ret('fallback') },
                                          fallback: 'fallback' }],
  ['a class of choice after a failure', { claim: { pol: pol(false, 'class_unknown'), kind: 'denial', ret: ret('short') },
                                          fallback: 'fallback', but: { 'ret.class': 'disagrees' } }],
  ['a class after a failure, unknown fallback', { claim: { pol: pol(false, 'class_unknown'), kind: 'denial', ret: ret('short') },
                                          but: { 'ret.class': 'unverifiable' } }],
  ['the fallback where none is named',  { claim: { ret: ret('fallback'), lbl: {} }, result: { allow: true }, fallback: 'fallback' }],
  ['a choice where none is named',      { claim: { ret: ret('short'), lbl: {} }, result: { allow: true }, fallback: 'fallback',
                                          but: { 'ret.class': 'disagrees' } }],
  ['no class, unknown fallback',        { claim: { lbl: {} }, result: { allow: true }, but: { 'ret.class': 'unverifiable' } }],
  ['a label changed',                   { claim: { lbl: { team: 'b' } }, but: { lbl: 'disagrees' } }],
  ['a label added',                     { claim: { lbl: { team: 'a', more: 'b' } }, but: { lbl: 'disagrees' } }],
  ['labels left out',                   { claim: { lbl: {} }, but: { lbl: 'disagrees' } }],
  ['labels of no result',               { result: { allow: true, class: 'standard' }, but: { lbl: 'disagrees' } }],
  ['labels no object',                  { result: { ...result, labels: ['a'] }, but: { lbl: 'disagrees' } }],
  ['labels after a failure, changed',   { claim: { pol: pol(false, 'mask_unstable'), kind: 'denial', lbl: { team: 'b' } },
                                          but: { lbl: 'disagrees' } }],
  ['another time',                      { input: { time: { ms: AT + 1 } }, but: { at: 'disagrees' } }],
  ['a time as text',                    { input: { time: { ms: String(AT) } }, but: { at: 'disagrees' } }],
  ['no time',                           { input: {}, but: { at: 'disagrees' } }],
  ['a hidden result',                   { select: { redact: ['/result'] },
                                          but: { 'pol.allow': 'unverifiable', kind: 'unverifiable', 'ret.class': 'unverifiable', lbl: 'unverifiable' } }],
  ['a kind that contradicts, hidden',   { claim: { kind: 'denial' }, select: { redact: ['/result/allow'] },
                                          but: { 'pol.allow': 'unverifiable', kind: 'disagrees' } }],
  ['a hidden time',                     { select: { redact: ['/input/time/ms'] }, but: { at: 'unverifiable' } }],
  ['a hidden input',                    { select: { disclose: ['/result'] },
                                          but: { at: 'unverifiable', 'pol.entrypoint': 'unverifiable', withheld: 'unverifiable' } }],
  ['an action of another rule',         { input: { ...input, action: { name: 'log.read' } }, but: { 'pol.entrypoint': 'disagrees' } }],
  ['its own action',                    { input: { ...input, action: { name: 'entry.append' } } }],
  ['no action',                         { input: { time: { ms: AT } } }],
  ['an event withheld, and allowed',    { input: { ...input, withheld: { reason: 'too_large' } }, but: { withheld: 'disagrees' } }],
  ['an event withheld, and denied',     { claim: { pol: pol(false), kind: 'denial' }, result: { ...result, allow: false },
                                          input: { ...input, withheld: { reason: 'too_large' } } }],
  ['a hidden label',                    { claim: { lbl: { team: 'a', site: 'x' } }, result: { ...result, labels: { team: 'a', site: 'x' } },
                                          select: { redact: ['/result/labels/site'] }, but: { lbl: 'unverifiable' } }],
  ['a hidden label, another changed',   { claim: { lbl: { team: 'b', site: 'x' } }, result: { ...result, labels: { team: 'a', site: 'x' } },
                                          select: { redact: ['/result/labels/site'] }, but: { lbl: 'disagrees' } }],
  ['a hidden label of no leaf',         { claim: { lbl: undefined as never }, result: { ...result, labels: { team: 'a', site: 'x' } },
                                          select: { redact: ['/result/labels/site'] }, but: { lbl: 'disagrees' } }],
];

describe('a leaf is compared with its record', () => {
  test.each(rows)('%s', (_name, row) => {
    const { verdict, details } = verdictsOf(row);
    expect(details).toEqual(FACTS.map((fact) => ({ fact, verdict: row.but?.[fact] ?? 'agrees' })));
    const verdicts = Object.values(row.but ?? {});
    const worst = (['disagrees', 'unverifiable', 'agrees'] as const).find(
      (one) => verdicts.includes(one) || one === 'agrees',
    );
    expect(verdict).toBe(worst);
  });

  test('unless no policy decided it', () => {
    const without = (name: string): EntryPayload =>
      Object.fromEntries(
        Object.entries(payloadOf()).filter(([member]) => member !== name),
      ) as unknown as EntryPayload;
    for (const payload of [without('pol'), without('_sd')]) {
      expect(checkAgreement(payload, { parts: {}, hidden: new Map() })).toEqual({
        verdict: 'agrees',
        details: [],
      });
    }
  });
});
