/**
 * The body parser under fire: whatever bytes come, under whatever media type, the answer is one of ours, and what is
 * recorded is exactly what was acknowledged.
 */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import { isProblemCode } from '../../src/gateway/context/codes.ts';
import { problemSchema, resultSchema } from '../../src/gateway/schema/answers.ts';
import { startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const ENTRIES = '/v1/ledgers/demo/entries';
const RUNS = { numRuns: 150 };

let world: World;
beforeAll(async () => {
  world = await startWorld({ eventBytesMax: 2048, bodyBytesMax: 65_536 });
});
afterAll(async () => world.close());

async function post(body: Uint8Array, headers: Record<string, string>): Promise<Response> {
  return fetch(`${world.url}${ENTRIES}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.keys.service}`, ...headers },
    body: Uint8Array.from(body),
  });
}

const mediaType = fc.constantFrom(
  'application/json',
  'application/x-ndjson',
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
  'text/plain',
);
const text = (bytes: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> =>
  bytes.map((value) => new TextEncoder().encode(value));
/** JSON, nearly JSON, and anything. */
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  text(fc.json()),
  text(fc.object().map((value) => JSON.stringify(value))),
  text(fc.array(fc.json(), { maxLength: 5 }).map((lines) => lines.join('\n'))),
  text(
    fc
      .tuple(fc.object(), fc.nat(), fc.string({ maxLength: 3 }))
      .map(([value, at, junk]) => splice(JSON.stringify(value), at, junk)),
  ),
);
const coding = fc.constantFrom('', 'gzip', 'gzip, but not', 'identity');

test.prop([body, mediaType, coding], RUNS)(
  'every answer is of the catalogue, and nothing is half recorded',
  async (bytes, type, how) => {
    const before = world.recorded();
    const response = await post(how === 'gzip' ? gzipSync(bytes) : bytes, {
      'content-type': type,
      ...(how === '' ? {} : { 'content-encoding': how.startsWith('gzip') ? 'gzip' : how }),
    });
    const recorded = world.recorded() - before;
    const answer = await response.text();
    if (response.status >= 400) {
      const problem = problemSchema.parse(JSON.parse(answer));
      expect(isProblemCode(problem.code)).toBe(true);
      expect(response.status).toBeLessThan(500);
      expect(recorded).toBe(0);
      return;
    }
    if (response.status === 202) {
      expect(recorded).toBeLessThanOrEqual(1);
      return;
    }
    const results = type.includes('ndjson')
      ? answer
          .trimEnd()
          .split('\n')
          .map((line) => resultSchema.parse(JSON.parse(line)))
      : resultSchema.array().parse(JSON.parse(answer));
    const taken = results.filter((result) => result.status < 400 && !('replayed' in result));
    expect(results.every(({ status }) => status < 500)).toBe(true);
    expect(recorded).toBe(taken.length);
  },
);

test.prop([fc.string({ unit: 'binary-ascii', maxLength: 40 })], RUNS)(
  'no header value of a token gets anybody in, or an answer of ours out of shape',
  async (value) => {
    const authorization = `Bearer ${value.replaceAll(/[^ -~]/g, '')}`;
    const response = await fetch(`${world.url}${ENTRIES}/0`, { headers: { authorization } });
    expect(response.status).toBe(401);
    problemSchema.parse(await response.json());
  },
);

test.prop(
  [
    fc.array(
      fc.constantFrom(
        'v1',
        'ledgers',
        'demo',
        'entries',
        'log',
        'tile',
        '%',
        '%2e',
        '..',
        '0',
        '000',
        '',
        '%00',
        'proof',
        'x001',
        '%ff',
      ),
      { maxLength: 8 },
    ),
  ],
  RUNS,
)('every path has an answer', async (segments) => {
  const before = world.recorded();
  const response = await fetch(`${world.url}/${segments.join('/')}`, {
    headers: { authorization: `Bearer ${world.keys.admin}` },
  });
  const answer = await response.text();
  expect(response.status).toBeLessThan(500);
  if (response.status >= 400) problemSchema.parse(JSON.parse(answer));
  // A read is recorded, also of what is not there; nothing else is.
  expect(world.recorded() - before).toBeLessThanOrEqual(1);
});

function splice(value: string, at: number, junk: string): string {
  const place = at % (value.length + 1);
  return value.slice(0, place) + junk + value.slice(place + 1);
}
