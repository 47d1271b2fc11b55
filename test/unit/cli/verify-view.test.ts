/** `stele verify` of a log that somebody else serves: he may serve anything. */
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, jest, test } from '@jest/globals';
import type { Output } from '../../../src/cli/output.ts';
import { verifyServedLog } from '../../../src/cli/verify/view.ts';
import { altered, flipped, makeLog, serveLog, someEntries } from '../../support/static-log.ts';

const output: Output = {
  result: () => undefined,
  note: () => undefined,
  progress: () => ({ update: () => undefined, stop: () => undefined }),
  json: false,
};

const closers: (() => void)[] = [];
afterEach(() => {
  jest.restoreAllMocks();
  for (const close of closers.splice(0)) close();
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/log/x`;
}

test('a served checkpoint that never ends is read only as far as a note goes', async () => {
  const url = await serve((_request, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536, 97)));
    };
    response.on('drain', more);
    more();
  });
  await expect(verifyServedLog(url, [], output)).rejects.toMatchObject({ code: 'log_oversize' });
});

test.each([
  ['says nothing', false],
  ['stops in the middle of its answer', true],
])('a log server that %s is waited for to a deadline', async (_name, begins) => {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  jest.spyOn(AbortSignal, 'timeout').mockImplementation(() => timeout(100));
  const url = await serve((_request, response) => {
    if (begins) response.write('stele');
  });
  await expect(verifyServedLog(url, [], output)).rejects.toMatchObject({
    code: 'log_unreachable',
  });
});

const BUNDLE = 'tile/entries/001';
test.each([
  ['garbage', BUNDLE, () => Buffer.alloc(1000, 'x'), 'invalid', `${BUNDLE} is no bundle`],
  ['nothing', BUNDLE, () => new Uint8Array(), 'invalid', `${BUNDLE} is no bundle`],
  ['a bit of it', BUNDLE, flipped(-1), 'invalid', `${BUNDLE} and tile/0/001 do not agree`],
  ['a file that is not there', BUNDLE, () => null, 'incomplete', `${BUNDLE} is not served`],
  ['another checkpoint', 'checkpoint', null, 'invalid', 'are of another tree'],
] as const)(
  'a served log with %s in the place of a file is judged, and the file is named',
  async (_name, path, change, verdict, detail) => {
    const log = makeLog('stele.test/log/x', someEntries(600));
    const other = makeLog('stele.test/log/x', someEntries(601).slice(1));
    const bad = altered(log.at(600), path, change ?? (() => Buffer.from(other.checkpoint(600))));
    const report = await serveLog(bad, async (url) =>
      verifyServedLog(url, [log.at(1).vkey], output),
    );
    expect(report.verdict).toBe(verdict);
    expect(report.steps.find(({ name }) => name === 'tree')?.detail).toContain(detail);
  },
);
