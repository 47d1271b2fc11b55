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
