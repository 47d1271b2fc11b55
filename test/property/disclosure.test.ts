/** Laws of disclosures: every part of a record that is shown verifies into the same leaf, and nothing else does. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../src/core/json/canonical-json.ts';
import { discloseTexts } from '../../src/core/record/disclosure-digests.ts';
import { discloseRecord, formatDsc } from '../../src/core/record/disclosure.ts';
import type {
  PartDepths,
  PartName,
  RecordNode,
  RecordParts,
} from '../../src/core/record/disclosure.ts';
import { MalformedError } from '../../src/core/errors.ts';
import {
  formatPointer,
  isJsonObject,
  parsePointer,
  valueAt,
} from '../../src/core/json/json-pointer.ts';
import { lookUp, openDisclosures } from '../../src/core/record/open-disclosures.ts';
import { checkFullOpening, formatRecord, parseRecord } from '../../src/core/record/record.ts';
import { placeValues, takeValues } from '../../src/core/record/sealed-values.ts';
import { coverPointers, selectDisclosures } from '../../src/core/record/redact.ts';
import type { JsonObject, JsonValue } from '../../src/core/json/strict-json.ts';
import { disclose, JTI, RECORD_KEY, storedOf } from '../support/entries.ts';
import { jsonArbitrary, objectArbitrary } from '../support/json-arbitraries.ts';
import { referenceDisclosures } from '../support/reference-disclosures.ts';

const partsArbitrary: fc.Arbitrary<RecordParts> = fc.record({
  input: fc.record({ event: objectArbitrary, subject: objectArbitrary }),
  result: fc.oneof(objectArbitrary, fc.constant(null)),
  source: objectArbitrary,
});
const depthArbitrary: fc.Arbitrary<PartDepths> = fc.record({
  input: fc.integer({ min: 1, max: 5 }),
  result: fc.integer({ min: 1, max: 5 }),
  source: fc.integer({ min: 1, max: 5 }),
});

/** Every place of a value, as tokens. */
function placesOf(value: JsonValue, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  const below = Object.entries(value as JsonObject);
  return [at, ...below.flatMap(([token, inner]) => placesOf(inner, [...at, token]))];
}
/** Some places of a record, chosen by numbers; a token may be a wildcard. */
function choose(parts: RecordParts, choices: readonly [number, boolean][]): string[][] {
  const places = placesOf({ ...parts });
  return choices.map(([choice, wild]) => {
    const place = places[choice % places.length]!;
    const star = choice % Math.max(place.length, 1);
    return place.map((token, i) => (wild && i === star ? '*' : token));
  });
}
const choicesArbitrary = fc.array(fc.tuple(fc.nat(), fc.boolean()), { maxLength: 4 });
/** Whether two places are one, or one is inside the other, as far as a pattern tells. */
const meets = (pattern: readonly string[], place: readonly string[]): boolean =>
  pattern.every((token, i) => i >= place.length || token === '*' || token === place[i]);
/** Whether a place is what a pattern names, or inside it. */
const isNamed = (pattern: readonly string[], place: readonly string[]): boolean =>
  pattern.length <= place.length && meets(pattern, place);

describe('disclosures', () => {
  test('are those of the plain implementation', () => {
    fc.assert(
      fc.property(partsArbitrary, depthArbitrary, (parts, depth) => {
        const flatten = (nodes: readonly RecordNode[]): string[] =>
          nodes.flatMap((node) => [node.disclosure, ...flatten(node.children)]);
        const draft = { jti: JTI, key: RECORD_KEY, parts, depth };
        const record = discloseRecord(draft);
        const reference = referenceDisclosures(draft);
        expect(record.sd).toEqual(reference.sd);
        const plain = [...reference.nodes.values()].map(({ disclosure }) => disclosure);
        expect(flatten(record.parts).sort()).toEqual(plain.sort());
      }),
    );
  });

  test('have the same digests when they are made from canonical texts', () => {
    fc.assert(
      fc.property(partsArbitrary, depthArbitrary, ({ input, result, source }, depth) => {
        const draft = { jti: JTI, key: RECORD_KEY, depth };
        const texts = {
          input: canonicalJson(input),
          result: canonicalJson(result),
          source: canonicalJson(source),
        };
        const { sd } = discloseRecord({ ...draft, parts: { input, result, source } });
        expect(discloseTexts({ ...draft, texts })).toEqual(sd);
      }),
    );
  });

  test('all together open to the record, which opens in full', () => {
    fc.assert(
      fc.property(partsArbitrary, depthArbitrary, (parts, depth) => {
        const record = disclose(parts, depth);
        const payload = { jti: JTI, _sd: record.sd, dsc: formatDsc(depth) };
        const { disclosures } = selectDisclosures(record, 'all');
        expect(openDisclosures(payload, disclosures)).toEqual({ parts, hidden: new Map() });
        const stored = parseRecord(formatRecord(storedOf(parts)));
        expect(checkFullOpening(payload, stored)).toEqual({ ok: true });
      }),
    );
  });
});

describe('a redaction', () => {
  test('leaves a view that verifies, and nothing of what it names', () => {
    fc.assert(
      fc.property(partsArbitrary, depthArbitrary, choicesArbitrary, (parts, depth, choices) => {
        const record = disclose(parts, depth);
        const patterns = choose(parts, choices);
        const redact = patterns.map(formatPointer);
        const { disclosures, view, hidden } = selectDisclosures(record, { redact });
        const opened = openDisclosures({ _sd: record.sd, dsc: formatDsc(depth) }, disclosures);
        expect(opened.parts).toEqual(view);
        for (const place of placesOf({ ...parts })) {
          if (place.length === 0 || !patterns.some((pattern) => isNamed(pattern, place))) continue;
          expect(valueAt(view, place)).toBeUndefined();
          expect(lookUp(opened, formatPointer(place)).presence).toBe('hidden');
        }
        // And hides no more than it must: a node that no pattern leads into or around is shown.
        for (const node of hidden.map(parsePointer)) {
          expect(patterns.some((pattern) => meets(pattern, node))).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a disclosure', () => {
  test('shows what it names where that is at a node, and nothing that it does not name', () => {
    fc.assert(
      fc.property(partsArbitrary, depthArbitrary, choicesArbitrary, (parts, depth, choices) => {
        const record = disclose(parts, depth);
        const patterns = choose(parts, choices);
        const { disclosures, view } = selectDisclosures(record, {
          disclose: patterns.map(formatPointer),
        });
        const opened = openDisclosures({ _sd: record.sd, dsc: formatDsc(depth) }, disclosures);
        expect(opened.parts).toEqual(view);
        const shown = placesOf(view);
        for (const place of shown) {
          expect(valueAt({ ...parts }, place)).toBeDefined();
          // An object may be there for what is inside it only.
          if (isJsonObject(valueAt(view, place))) continue;
          expect(patterns.some((pattern) => isNamed(pattern, place))).toBe(true);
        }
        // And all of what is named at a node: whatever has no array around it and is not too deep.
        for (const place of placesOf({ ...parts })) {
          const part = place[0] as PartName | undefined;
          if (part === undefined || place.length > depth[part]) continue;
          if (place.some((_token, i) => Array.isArray(valueAt({ ...parts }, place.slice(0, i)))))
            continue;
          const exactly = (pattern: readonly string[]): boolean =>
            pattern.length === place.length && meets(pattern, place);
          if (patterns.some(exactly)) {
            expect(valueAt(view, place)).toEqual(valueAt({ ...parts }, place));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('sealing', () => {
  test('of any places, rounded up, is undone by putting their values back, and changes no other salt', () => {
    fc.assert(
      fc.property(partsArbitrary, depthArbitrary, choicesArbitrary, (parts, depth, choices) => {
        const pointers = coverPointers(
          parts,
          depth,
          choose(parts, choices).map(formatPointer),
        ).filter((pointer) => pointer.indexOf('/', 1) > 0);
        fc.pre(pointers.length > 0);
        const key = new Uint8Array(32).fill(3);
        const base = { jti: JTI, key: RECORD_KEY, depth };
        const made = discloseRecord({ ...base, parts, sealed: [{ pointers, key }] });
        const taken = takeValues(parts, pointers);
        expect(placeValues(taken.parts, pointers, taken.values)).toEqual(parts);
        const rest = discloseRecord({
          ...base,
          parts: taken.parts,
          sealed: [{ pointers, digests: made.sealed[0]! }],
        });
        expect(rest.sd).toEqual(made.sd);
        const opened = openDisclosures(
          { _sd: made.sd, dsc: formatDsc(depth) },
          selectDisclosures(rest, 'all').disclosures,
        );
        expect(opened.parts).toEqual(taken.parts);
      }),
    );
  });
});

describe('a record of twelve members', () => {
  const names = 'abcdefghijkl'.split('');
  const event = Object.fromEntries(names.map((name, i) => [name, i]));
  const parts: RecordParts = { input: { event }, result: { allow: true }, source: {} };
  const record = disclose(parts);
  const payload = { _sd: record.sd, dsc: '1:3.3.3' };
  const masks = Array.from({ length: 4096 }, (_, mask) =>
    names.filter((_name, i) => (mask >> i) % 2 === 1),
  );
  /** A disclosure of the record with one of salt, name and value exchanged. */
  const forge = (disclosure: string, place: 0 | 1 | 2, by: unknown): string => {
    const text = JSON.parse(Buffer.from(disclosure, 'base64url').toString()) as unknown[];
    text[place] = by;
    return Buffer.from(JSON.stringify(text)).toString('base64url');
  };

  test('verifies into the same leaf under each of its 4,096 redactions', () => {
    for (const hidden of masks) {
      const redact = hidden.map((name) => `/input/event/${name}`);
      const selection = selectDisclosures(record, { redact });
      const opened = openDisclosures(payload, selection.disclosures);
      const shown = Object.fromEntries(
        Object.entries(event).filter(([name]) => !hidden.includes(name)),
      );
      expect(opened.parts).toEqual({ ...parts, input: { event: shown } });
      expect(opened.hidden.get('/input/event') ?? 0).toBe(hidden.length);
      expect(selection.hidden).toEqual(redact);
    }
  });

  test('verifies under none of them with a value, a name or a salt exchanged', () => {
    let refused = 0;
    for (const [mask, hidden] of masks.entries()) {
      const redact = hidden.map((name) => `/input/event/${name}`);
      const { disclosures } = selectDisclosures(record, { redact });
      const members = disclosures.filter(
        (text) => typeof JSON.parse(Buffer.from(text, 'base64url').toString())[2] === 'number',
      );
      if (members.length === 0) continue;
      const victim = members[mask % members.length]!;
      const other = members[(mask + 1) % members.length]!;
      const [salt, , value] = JSON.parse(Buffer.from(other, 'base64url').toString()) as [
        string,
        string,
        number,
      ];
      const forgeries = [
        forge(victim, 2, value + 100),
        forge(victim, 1, 'z'),
        forge(victim, 0, 'A'.repeat(22)),
      ];
      if (other !== victim) forgeries.push(forge(victim, 0, salt), forge(victim, 2, value));
      for (const forgery of forgeries) {
        const presented = disclosures.map((text) => (text === victim ? forgery : text));
        try {
          openDisclosures(payload, presented);
        } catch (error) {
          expect((error as MalformedError).code).toBe('unused_disclosure');
          refused++;
        }
      }
    }
    // Every mask but the one that hides all has three forgeries; those that show two members have two more.
    expect(refused).toBe(4095 * 3 + (4095 - 12) * 2);
  });
});

test('no presentation of anything does more harm than to be refused', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'AB_-='.split('')) }),
    jsonArbitrary.map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (disclosures) => {
      expect(() => openDisclosures({ _sd: disclose().sd, dsc: '1:3.3.3' }, disclosures)).toThrow(
        MalformedError,
      );
    }),
  );
});
