import { expect, test } from '@jest/globals';
import { ObjectExistsError } from '../../../src/storage/errors.ts';
import {
  failureOf,
  isAbsence,
  isLockRefusal,
  s3ReadError,
  s3WriteError,
} from '../../../src/storage/s3-errors.ts';

const answer = (httpStatusCode: number, name: string): unknown =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
const noAnswer = (code: string): unknown => Object.assign(new Error(code), { code });

// prettier-ignore
test.each<[string, unknown, string, string, string]>([
  // What S3 said                    Error                                            Create               Replace                Read
  ['412',                            answer(412, 'PreconditionFailed'),               'object_exists',     'precondition_failed', 'store_denied'],
  ['409 between writers',            answer(409, 'ConditionalRequestConflict'),       'store_conflict',    'store_conflict',      'store_unavailable'],
  ['409 without Object Lock',        answer(409, 'InvalidBucketState'),               'store_denied',      'store_denied',        'store_denied'],
  ['403',                            answer(403, 'AccessDenied'),                     'store_denied',      'store_denied',        'store_denied'],
  ['400',                            answer(400, 'InvalidRequest'),                   'store_denied',      'store_denied',        'store_denied'],
  ['404 of the bucket',              answer(404, 'NoSuchBucket'),                     'store_denied',      'store_denied',        'store_denied'],
  ['404 of the object',              answer(404, 'NoSuchKey'),                        'store_denied',      'precondition_failed', 'store_denied'],
  ['501',                            answer(501, 'NotImplemented'),                   'store_denied',      'store_denied',        'store_denied'],
  ['400 for a slow body',            answer(400, 'RequestTimeout'),                   'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['400 for damage on the way',      answer(400, 'XAmzContentSHA256Mismatch'),        'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['400 for an old session',         answer(400, 'ExpiredToken'),                     'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['429',                            answer(429, 'TooManyRequests'),                  'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['500',                            answer(500, 'InternalError'),                    'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['503',                            answer(503, 'SlowDown'),                         'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['404 of the user',                answer(404, 'XAdminUserNotFound'),               'store_denied',      'store_denied',        'store_denied'],
  ['no credentials to send with',    Object.assign(new Error(), { name: 'CredentialsProviderError' }), 'store_denied', 'store_denied', 'store_denied'],
  ['200 that cannot be read',        answer(200, 'SyntaxError'),                      'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['a reset',                        noAnswer('ECONNRESET'),                          'store_unavailable', 'store_unavailable',   'store_unavailable'],
  ['nothing in time',                Object.assign(new Error(), { name: 'TimeoutError' }), 'store_unavailable', 'store_unavailable', 'store_unavailable'],
  ['something that is no error',     'oops',                                          'store_unavailable', 'store_unavailable',   'store_unavailable'],
])('%s', (_, error, create, replace, read) => {
  expect(s3WriteError(error, 'k', 'if-none-match')).toMatchObject({ code: create });
  expect(s3WriteError(error, 'k', 'if-match')).toMatchObject({ code: replace });
  expect(s3ReadError(error, 'k')).toMatchObject({ code: read });
});

test('only a refusal says that nothing was written', () => {
  const durability = (error: unknown): unknown =>
    s3WriteError(error, 'k', 'if-none-match').durability;
  expect(durability(answer(403, 'AccessDenied'))).toBe('not-durable');
  for (const error of [answer(409, 'x'), answer(500, 'x'), answer(412, 'x'), noAnswer('EPIPE')]) {
    expect(durability(error)).toBe('unknown');
  }
});

// prettier-ignore
test.each<[string, unknown, string]>([
  // What is wrong                Error                                            What to look at
  ['no such bucket',              answer(404, 'NoSuchBucket'),                     'store.bucket'],
  ['an unknown access key',       answer(403, 'InvalidAccessKeyId'),               'store.accessKeyId'],
  ['a wrong secret',              answer(403, 'SignatureDoesNotMatch'),            'store.secretAccessKey'],
  ['no credentials',              Object.assign(new Error(), { name: 'CredentialsProviderError' }), 'no credentials were found'],
  ['a missing right',             answer(403, 'AccessDenied'),                     'lack the right'],
  ['another region',              answer(400, 'AuthorizationHeaderMalformed'),     'store.region'],
  ['a wrong clock',               answer(403, 'RequestTimeTooSkewed'),             'clock'],
  ['a bucket without Object Lock', answer(409, 'InvalidBucketState'),              'with it'],
  ['the same, said in its text',  Object.assign(new Error('Bucket is missing Object Lock Configuration'), { name: 'InvalidRequest', $metadata: { httpStatusCode: 400 } }), 'has no Object Lock'],
  ['nobody there',                noAnswer('ECONNREFUSED'),                        'store.endpoint'],
])('%s: the error says what to do', (_, error, words) => {
  expect(s3WriteError(error, 'k', 'if-none-match').message).toContain(words);
  expect(s3ReadError(error, 'read of k').message).toContain(words);
});

test('a code without advice stands alone, whatever it is called', () => {
  expect(s3ReadError(answer(400, 'InvalidRequest'), 'read of k').message).toBe(
    'read of k: 400 InvalidRequest',
  );
  expect(s3ReadError(answer(500, 'toString'), 'read of k').message).toBe('read of k: toString');
});

test('our own errors pass', () => {
  const ours = new ObjectExistsError('k');
  expect(s3WriteError(ours, 'k', 'if-match')).toBe(ours);
  expect(s3ReadError(ours, 'k')).toBe(ours);
});

// prettier-ignore
test.each<[string, unknown, boolean, boolean]>([
  // Answer                       Error                            Absent  Absent, asked by version
  ['404',                         answer(404, 'NotFound'),         true,   true],
  ['400 for an old session',      answer(400, 'ExpiredToken'),     false,  false],
  ['404 of a version',            answer(404, 'NoSuchVersion'),    true,   true],
  ['405, a marker by its id',     answer(405, 'MethodNotAllowed'), true,   true],
  ['400, an id of another store', answer(400, 'InvalidArgument'),  false,  true],
  ['404 of the bucket',           answer(404, 'NoSuchBucket'),     false,  false],
  ['403',                         answer(403, 'Forbidden'),        false,  false],
  ['no answer',                   noAnswer('ECONNRESET'),          false,  false],
])('%s says whether something is absent', (_, error, current, byVersion) => {
  expect(isAbsence(error, false)).toBe(current);
  expect(isAbsence(error, true)).toBe(byVersion);
});

test('a lock refuses with 403, or with 400 InvalidRequest', () => {
  expect(isLockRefusal(answer(403, 'AccessDenied'))).toBe(true);
  expect(isLockRefusal(answer(400, 'InvalidRequest'))).toBe(true);
  expect(isLockRefusal(answer(400, 'InvalidArgument'))).toBe(false);
  expect(isLockRefusal(answer(500, 'InternalError'))).toBe(false);
  expect(failureOf(undefined)).toEqual({ status: null, code: 'unknown' });
});
