/** The S3 store against scripted answers: what real servers do seldom, or only some of them. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { openS3Store } from '../../../src/storage/s3-store.ts';
import type { S3Store } from '../../../src/storage/s3-store.ts';

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}
type Answer = (response: http.ServerResponse) => void;

let server: http.Server;
let store: S3Store;
let requests: Request[];
/** One answer for each request to come; the last one is given again. */
let script: Answer[];

beforeEach(async () => {
  requests = [];
  script = [];
  server = http.createServer((request, response) => {
    requests.push({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
    });
    request.resume();
    request.once('end', () => {
      const answer = script.length > 1 ? script.shift() : script[0];
      answer?.(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  store = openS3Store({
    bucket: 'ledger',
    region: 'eu-central-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accessKeyId: 'id',
    secretAccessKey: 'secret',
    requestTimeoutMs: 300,
    connectTimeoutMs: 300,
  });
});
afterEach(async () => {
  await store.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const answer =
  (status: number, headers: Record<string, string> = {}, body = ''): Answer =>
  (response) => {
    response.writeHead(status, headers).end(body);
  };
const refuse = (status: number, code: string): Answer =>
  answer(status, { 'content-type': 'application/xml' }, `<Error><Code>${code}</Code></Error>`);
const reset: Answer = (response) => {
  response.socket?.destroy();
};
const silence: Answer = () => undefined;

const bytes = new TextEncoder().encode('hello');
const retention = { mode: 'compliance', until: 1_900_000_000_000 } as const;
const locked = { retention, contentType: 'text/plain', cacheControl: 'no-cache' };

describe('a create', () => {
  test('is one request with its condition, checksum and lock, in plain sight', async () => {
    script = [answer(200, { 'x-amz-version-id': 'v1', etag: '"e"' })];
    expect(await store.putNew('demo/a=b+c', bytes, locked)).toEqual({ versionId: 'v1' });
    expect(requests).toHaveLength(1);
    expect(requests[0]!.url).toMatch(/^\/ledger\/demo\/a%3Db%2Bc\?/);
    expect(requests[0]!.headers).toMatchObject({
      'if-none-match': '*',
      'content-length': '5',
      'content-type': 'text/plain',
      'cache-control': 'no-cache',
      'x-amz-sdk-checksum-algorithm': 'SHA256',
      'x-amz-checksum-sha256': createHash('sha256').update(bytes).digest('base64'),
      'x-amz-content-sha256': createHash('sha256').update(bytes).digest('hex'),
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': '2030-03-17T17:46:40Z',
    });
    expect(requests[0]!.headers).not.toHaveProperty('x-amz-trailer');
  });

  // prettier-ignore
  test.each<[string, Answer, string]>([
    ['an error of the server', refuse(500, 'InternalError'),              'store_unavailable'],
    ['a slow-down',            refuse(503, 'SlowDown'),                   'store_unavailable'],
    ['a reset',                reset,                                     'store_unavailable'],
    ['silence',                silence,                                   'store_unavailable'],
    ['a conflict',             refuse(409, 'ConditionalRequestConflict'), 'store_conflict'],
    ['a taken key',            refuse(412, 'PreconditionFailed'),         'object_exists'],
    ['a refusal',              refuse(403, 'AccessDenied'),               'store_denied'],
  ])('is sent once, also after %s', async (_, first, code) => {
    script = [first];
    await expect(store.putNew('a', bytes, locked)).rejects.toMatchObject({ code });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(requests).toHaveLength(1);
  });

  test('of a bucket without versions names the null version', async () => {
    script = [answer(200)];
    expect(await store.putNew('a', bytes, locked)).toEqual({ versionId: 'null' });
  });
});

test('a replacement is one request on condition of the etag, and an absent object is another one', async () => {
  script = [answer(200, { etag: '"new"' })];
  const options = { contentType: 'text/plain' };
  expect(await store.replace('a', bytes, { ...options, etag: '"old"' })).toEqual({ etag: '"new"' });
  expect(requests[0]!.headers['if-match']).toBe('"old"');
  expect(requests[0]!.headers['if-none-match']).toBeUndefined();
  script = [refuse(404, 'NoSuchKey')];
  await expect(store.replace('a', bytes, { ...options, etag: '"old"' })).rejects.toMatchObject({
    code: 'precondition_failed',
  });
  script = [refuse(500, 'InternalError')];
  await expect(store.replace('a', bytes, { ...options, etag: null })).rejects.toMatchObject({
    code: 'store_unavailable',
    durability: 'unknown',
  });
  expect(requests).toHaveLength(3);
});

test('a read is tried again after an error of the server, and then given up', async () => {
  script = [refuse(500, 'InternalError'), reset, answer(200, { etag: '"e"' }, 'hello')];
  expect(await store.get('a')).toMatchObject({ etag: '"e"', versionId: 'null' });
  script = [refuse(500, 'InternalError')];
  await expect(store.get('a')).rejects.toMatchObject({ code: 'store_unavailable' });
  expect(requests).toHaveLength(6);
});

test('a body that ends early is no object', async () => {
  script = [
    (response) => {
      response.writeHead(200, { 'content-length': '10', etag: '"e"' });
      response.write('hello');
      setTimeout(() => response.socket?.destroy(), 20);
    },
  ];
  await expect(store.get('a')).rejects.toMatchObject({ code: 'store_unavailable' });
});

test('more than any object has is not read', async () => {
  script = [
    (response) => {
      response.writeHead(200, { 'content-length': String(2 ** 31) });
      response.write('x');
    },
  ];
  await expect(store.get('a')).rejects.toMatchObject({ code: 'object_too_large' });
});

describe('a head', () => {
  const found = { etag: '"e"', 'content-length': '5', 'x-amz-version-id': 'v' };

  test('of a version shows the lock also where only the call about locks tells it', async () => {
    const xml = `<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-03-17T17:46:40Z</RetainUntilDate></Retention>`;
    script = [answer(200, found), answer(200, {}, xml)];
    expect(await store.head('a', 'v')).toMatchObject({
      retention: { mode: 'governance', until: 1_900_000_000_000 },
    });
    expect(requests[1]!.url).toMatch(/[?&]retention/);
  });

  test.each([
    ['there is none', 404],
    ['the caller may not see it', 403],
  ])('shows no lock where %s', async (_, status) => {
    script = [answer(200, found), refuse(status, 'NoSuchObjectLockConfiguration')];
    expect(await store.head('a', 'v')).toMatchObject({ retention: null });
  });

  test.each([
    [500, 'InternalError'],
    [429, 'TooManyRequests'],
    [400, 'ExpiredToken'],
  ])('fails when the lock cannot be had at all: %s %s', async (status, code) => {
    script = [answer(200, found), refuse(status, code)];
    await expect(store.head('a', 'v')).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  test.each([
    ['no checksum', {}],
    [
      'a checksum of parts',
      { 'x-amz-checksum-sha256': 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=-2' },
    ],
    ['a lock of an unknown kind', { 'x-amz-object-lock-mode': 'ETERNAL' }],
  ])('with %s shows none', async (_, headers) => {
    script = [answer(200, { ...found, ...headers })];
    expect(await store.head('a')).toMatchObject({ sha256: null, retention: null });
  });

  // The answer to a HEAD has no body, and so no code.
  // prettier-ignore
  test.each<[string, Answer, unknown]>([
    // What the answer to a GET says                         What the head is
    ['an id that was never given',  refuse(400, 'InvalidArgument'),  null],
    ['no such version',             refuse(404, 'NoSuchVersion'),    null],
    ['an old session',              refuse(400, 'ExpiredToken'),     'store_unavailable'],
    ['a request that took too long', refuse(400, 'RequestTimeout'),  'store_unavailable'],
    ['missing rights',              refuse(403, 'AccessDenied'),     'store_denied'],
    ['the object itself',           answer(206, {}, 'h'),            'store_unavailable'],
    ['an object without bytes',     refuse(416, 'InvalidRange'),     'store_unavailable'],
  ])('that answers 400 by a version id is told apart by a GET: %s', async (_, get, want) => {
    script = [answer(400), get];
    const head = await store.head('a', 'v').catch((error: unknown) => (error as { code: string }).code);
    expect(head).toBe(want);
    expect(requests[1]).toMatchObject({ method: 'GET', headers: { range: 'bytes=0-0' } });
  });

  test('of a delete marker is nothing', async () => {
    script = [answer(404, { 'x-amz-delete-marker': 'true' })];
    expect(await store.head('a')).toBeNull();
    script = [answer(200, { ...found, 'x-amz-delete-marker': 'true' })];
    expect(await store.head('a')).toBeNull();
  });
});

describe('a listing of versions', () => {
  const version = (id: string, second: number, latest = false, key = 'a'): string =>
    `<Version><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest>` +
    `<LastModified>2026-11-22T00:00:0${second}Z</LastModified><Size>1</Size></Version>`;
  const marker = (id: string, second: number, latest = false): string =>
    version(id, second, latest).replaceAll('Version>', 'DeleteMarker>');
  const page = (rows: string, next?: { key: string; id: string }): Answer =>
    answer(
      200,
      { 'content-type': 'application/xml' },
      `<ListVersionsResult><IsTruncated>${next !== undefined}</IsTruncated>` +
        (next === undefined
          ? ''
          : `<NextKeyMarker>${next.key}</NextKeyMarker><NextVersionIdMarker>${next.id}</NextVersionIdMarker>`) +
        `${rows}</ListVersionsResult>`,
    );
  const ids = async (): Promise<string[]> =>
    (await store.listVersions('a')).map(({ versionId }) => versionId);

  test('goes over pages, and a marker that comes again counts once', async () => {
    script = [
      page(version('v4', 4, true) + version('v3', 3), { key: 'a', id: 'v3' }),
      page(version('v3', 3) + version('v2', 2), { key: 'a', id: 'v2' }),
      page(version('v2', 2) + version('v1', 1)),
    ];
    expect(await ids()).toEqual(['v1', 'v2', 'v3', 'v4']);
    expect(requests[1]!.url).toContain('key-marker=a');
    expect(requests[1]!.url).toContain('version-id-marker=v3');
  });

  test('keeps the order of the store where dates are equal', async () => {
    script = [page(version('z', 1, true) + version('a', 1) + version('m', 1))];
    expect(await ids()).toEqual(['m', 'a', 'z']);
  });

  test('puts delete markers among versions by date', async () => {
    script = [page(version('v2', 3, true) + version('v1', 1) + marker('d2', 2) + marker('d1', 0))];
    expect(await ids()).toEqual(['d1', 'v1', 'd2', 'v2']);
    script = [page(version('v1', 1) + marker('d1', 1, true))];
    expect(await ids()).toEqual(['v1', 'd1']);
  });

  test('leaves other keys out and ends where they begin', async () => {
    script = [page(version('v1', 1, true) + version('x', 1, true, 'ab'), { key: 'ab', id: 'x' })];
    expect(await ids()).toEqual(['v1']);
    expect(requests).toHaveLength(1);
  });

  test('that does not come to an end proves nothing', async () => {
    script = [page(version('v1', 1, true), { key: 'a', id: 'v1' })];
    await expect(store.listVersions('a')).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('a listing of keys', () => {
  const page = (keys: readonly string[], next?: string): Answer =>
    answer(
      200,
      { 'content-type': 'application/xml' },
      `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>` +
        (next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`) +
        keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('') +
        '</ListBucketResult>',
    );

  test('follows the token and sorts what a store has put out of order', async () => {
    script = [page(['f/a-b', 'f/a.b', 'f/a'], 't1'), page(['f/b'])];
    expect(await store.list('f/')).toEqual(['f/a', 'f/a-b', 'f/a.b', 'f/b']);
    expect(requests[1]!.url).toContain('continuation-token=t1');
  });

  test('with a limit ends when it has enough', async () => {
    script = [page(['f/000', 'f/001'], 't1')];
    expect(await store.list('f/', { max: 1 })).toEqual(['f/000']);
    expect(requests).toHaveLength(1);
  });

  test('with a limit looks one page further where a shorter key may be misplaced', async () => {
    script = [page(['f/a-b', 'f/a.b'], 't1'), page(['f/a', 'f/b'], 't2')];
    expect(await store.list('f/', { max: 1 })).toEqual(['f/a']);
  });

  test('leaves out what a store lists before the place that was asked for', async () => {
    script = [page(['f/a', 'f/b'])];
    expect(await store.list('f/', { after: 'f/a' })).toEqual(['f/b']);
    expect(requests[0]!.url).toContain('start-after=f%2Fa');
  });

  test('that does not advance is an error', async () => {
    script = [page(['f/a'], 't1')];
    await expect(store.list('f/')).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  test('that is refused says so', async () => {
    script = [refuse(403, 'AccessDenied')];
    await expect(store.list('f/')).rejects.toMatchObject({ code: 'store_denied' });
  });
});

describe('the settings of the bucket', () => {
  const versioning = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  const lock = (rule: string): string =>
    `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`;
  const days =
    '<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>';
  const ok = (xml: string): Answer => answer(200, { 'content-type': 'application/xml' }, xml);

  // prettier-ignore
  test.each<[string, Answer, Answer, [string, string, string]]>([
    ['as they should be', ok(versioning), ok(lock('')), ['enabled', 'enabled', 'none']],
    ['with an empty rule', ok(versioning), ok(lock('<Rule/>')), ['enabled', 'enabled', 'none']],
    ['with a default retention', ok(versioning), ok(lock(days)), ['enabled', 'enabled', 'present']],
    ['never versioned', ok('<VersioningConfiguration/>'), refuse(404, 'ObjectLockConfigurationNotFoundError'), ['disabled', 'disabled', 'none']],
    ['not to be read', refuse(403, 'AccessDenied'), refuse(403, 'AccessDenied'), ['unknown', 'unknown', 'unknown']],
    ['not implemented', refuse(501, 'NotImplemented'), refuse(501, 'NotImplemented'), ['unknown', 'unknown', 'unknown']],
  ])('%s', async (_, forVersioning, forLock, [want, objectLock, defaultRetention]) => {
    const both: Answer = (response) => {
      const isLock = requests.at(-1)!.url.includes('object-lock');
      (isLock ? forLock : forVersioning)(response);
    };
    // One at a time in the script: which of the two comes first does not matter.
    script = [both];
    const settings = await store.probing.settings();
    expect(settings).toEqual({ versioning: want, objectLock, defaultRetention });
  });
});

describe('a deletion', () => {
  // prettier-ignore
  test.each<[string, Answer, string]>([
    ['that succeeds',                    answer(204),                     'deleted'],
    ['refused with 403',                 refuse(403, 'AccessDenied'),     'refused'],
    ['refused with 400 InvalidRequest',  refuse(400, 'InvalidRequest'),   'refused'],
  ])('%s', async (_, first, want) => {
    script = [first];
    expect(await store.probing.tryDeleteVersion('a', 'v')).toBe(want);
  });

  test('without an answer is unavailable', async () => {
    script = [reset];
    await expect(store.probing.tryDeleteVersion('a', 'v')).rejects.toMatchObject({
      code: 'store_unavailable',
    });
  });
});

test('refusals tell the time of the store too', async () => {
  expect(store.now()).toBeNull();
  script = [answer(403, { date: 'Sun, 22 Nov 2026 10:00:00 GMT' })];
  await expect(store.head('a')).rejects.toMatchObject({ code: 'store_denied' });
  expect(store.now()).toBe(Date.parse('2026-11-22T10:00:00Z'));
});

test('half a pair of credentials is refused before anything is sent', () => {
  const settings = {
    bucket: 'b',
    region: 'r',
    endpoint: null,
    accessKeyId: 'id',
    secretAccessKey: null,
  };
  expect(() => openS3Store(settings)).toThrow(expect.objectContaining({ code: 'store_denied' }));
});
